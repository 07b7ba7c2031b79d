"""Data sets: reading, caching, augmenting and checking."""
