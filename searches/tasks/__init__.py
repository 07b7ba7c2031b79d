"""Tasks and data set layouts: one file a task, one file a layout."""
