"""What a network costs, and which networks win."""
