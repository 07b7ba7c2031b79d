"""The commands that draw and write reports."""
