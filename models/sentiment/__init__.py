"""``sentiment``: sentences that praise or complain."""
