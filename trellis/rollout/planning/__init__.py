"""Beforehand: how many requests, and hours, until evidence comes, by the same evidence's code."""
