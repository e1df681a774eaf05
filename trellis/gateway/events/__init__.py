"""What units met and what came of it: exposures, feedback, counts by arm, and the audit's lines.

``exposure_log`` takes from the hot path and never blocks it; ``store`` is all that speaks to Redis.
"""
