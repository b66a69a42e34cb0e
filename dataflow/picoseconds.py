"""The unit of simulated time."""

PS_PER_S = 1_000_000_000_000
"""Picoseconds in a second. Simulated time is whole picoseconds."""
