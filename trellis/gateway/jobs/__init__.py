"""Asynchronous inference: requests that are kept in Redis, answered by workers and asked for later."""
