"""One look of all figures: colours, marks, names, axes and labels."""
