"""Predictors of latency and energy that state their error."""
