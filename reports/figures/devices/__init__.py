"""Figures of measured and predicted devices: power, latency, roofline, clocks, layers. No torch."""
