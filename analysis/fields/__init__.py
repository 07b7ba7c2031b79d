"""Receptive fields: what a network can see, what it does see, and how evenly."""
