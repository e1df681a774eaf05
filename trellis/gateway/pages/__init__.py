"""Pages for people: rendered here, with small scripts of their own and nothing off-site."""
