"""Histories, invented or recorded, led through the same evidence and plan as real ones."""
