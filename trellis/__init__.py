"""Trellis: serve versions of machine-learning models with KServe, roll out on evidence."""

__version__ = "0.1.0"
