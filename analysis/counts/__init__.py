"""What a network costs, counted: parameters, MACs, by layer, and by three independent counters."""
