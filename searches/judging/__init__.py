"""Ways to judge a network before it is trained fully."""
