"""Tabular yardsticks: every network of a small space trained, and search methods replayed on what came out."""
