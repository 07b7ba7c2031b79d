"""Which networks win: Pareto fronts, hypervolume, rank correlation and importance."""
