"""``squares``: the smallest model."""
