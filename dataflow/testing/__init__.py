"""A trained network tested: what it says of each example, and what it takes for what."""
