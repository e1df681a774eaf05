"""What the HTTP servers of two processes share: the protocol below them, the page of their API."""
