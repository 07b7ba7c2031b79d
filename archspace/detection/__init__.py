"""Prior boxes, decoding and non-maximum suppression of detectors."""
