"""Studies: space, samplers, trials, storage, workers and the front."""
