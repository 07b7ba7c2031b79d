"""The layouts of data sets that are read as they are, a file a layout."""
