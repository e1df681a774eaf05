"""What gateways tell, folded by unit: ``fold`` is pure, ``store`` is all that speaks to Redis, ``reader``
goes from one to the other.

Each entry of the streams counts once, however many controllers read and wherever one dies: what came
of it and its acknowledgement are one script.
"""
