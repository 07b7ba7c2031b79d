"""A study's figures: each module computes a typed info from a frame and draws it with Plotly. Drawing does no maths."""
