"""Plain tables of trials and published numbers, which figures and tables are made of."""
