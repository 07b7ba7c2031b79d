"""What only a GPU can settle, in one run of nine minutes: ``make gpu``."""
