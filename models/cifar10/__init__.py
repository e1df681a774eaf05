"""``cifar10``: ten things in small pictures."""
