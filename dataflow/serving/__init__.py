"""Serving: requests that arrive at an offered load, how long they take and how many are lost."""
