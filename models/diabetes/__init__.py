"""``diabetes``: ten measurements and the progression a year on."""
