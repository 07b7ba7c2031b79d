"""The commands that count and measure, and the tables that they print."""
