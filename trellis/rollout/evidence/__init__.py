"""Looks in, verdicts out: pure sequential statistics, without a clock, I/O or a random number.

Every e-value here may be looked at after every request: a rollback by them is wrong with
probability ``alpha`` at most, however often one looks and whenever one stops (Ville 1939). Docstrings
name the paper and the equation; ``docs/rollout/evidence.md`` puts the whole together.
"""
