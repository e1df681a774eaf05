"""The REST edge: V1, V2 and the repository extension as thin ASGI over the data plane."""
