"""The commands that search, train, evaluate and prepare data."""
