"""Programs that convert a network with packages that may live in an environment of their own.

Each is run as a script by that environment's Python, imports nothing of ours but :mod:`job`, and reads one job.
"""
