"""``/dashboard``: what the operators of a gateway see of it and do with it, live."""
