"""Retraining: the chosen networks of a study trained in full, judged once, measured and exported."""
