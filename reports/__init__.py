"""What people see: frames, tables, figures and pages of a study. Imports no torch."""
