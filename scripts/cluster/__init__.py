"""The kind cluster that the project is tried on: its engine, its parts, what runs in it."""
