"""Tables for every task: published, counted and measured numbers in one frame, never unmarked. No torch."""
