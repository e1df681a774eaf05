"""``tomato``: drawn tomato leaves, and what is wrong with them."""
