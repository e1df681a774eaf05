"""Bytes to arrays and back, one wire form a module; none knows a model or a transport."""
