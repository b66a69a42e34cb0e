"""The values of a run against another way to compute them, or other numbers."""
