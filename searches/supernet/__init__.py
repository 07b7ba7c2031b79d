"""Weight sharing: one set of weights from which every network of a study's space takes its own."""
