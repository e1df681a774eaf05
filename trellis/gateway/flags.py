"""Flags in a query or a form: the same words as V1 and V2 take."""

from trellis.gateway.errors import BadRequest

_YES = frozenset(("true", "1", "yes", ""))
_NO = frozenset(("false", "0", "no"))


def flag(word: str | None, name: str) -> bool:
    """What ``word`` says of ``name``; None says no. Raises ``BadRequest`` for any other word."""
    if word is None or (lower := word.lower()) in _NO:
        return False
    if lower in _YES:
        return True
    raise BadRequest(f"{name!r} is {word[:24]!r}, expected true or false")
