"""The Pareto figure, in two and three dimensions."""
