"""A network as a list of fused operations for one small C++ engine that is built on the machine where it runs.

Maps are lists of planes, so that concatenation, slices and channel shuffles are no work; sums, scales, shifts,
activations and gates ride on the convolution before them; the depth-wise branches of a pyramid read their map once.
"""
