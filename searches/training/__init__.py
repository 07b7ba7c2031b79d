"""Training: recipes as data, schedules, one step, the loop that survives being killed."""
