"""A network as data: its fields, the rules between them, and the text that names one. No torch."""
