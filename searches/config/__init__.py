"""Studies, training runs and recipes as data. No torch, no Optuna."""
