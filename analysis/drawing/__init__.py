"""What searches and reports both draw with: figure files, curves, overlays and heat maps."""
