"""What a process that died said last."""

from pathlib import Path
from typing import Any

import orjson

_TAIL = 8192
_LONGEST = 200


def last_words(log: Path, since: int) -> str:
    """The most telling line of ``log`` after byte ``since``: its last error, else its last line.

    Lines of our own processes are JSON, whose message is taken; empty where nothing was said.
    """
    try:
        with log.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(since, end - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    said = [(level, text) for level, text in map(_parsed, lines) if text]
    errors = [text for level, text in said if level in {"error", "critical"}]
    if errors:
        return errors[-1][:_LONGEST]
    return said[-1][1][:_LONGEST] if said else ""


def _parsed(line: str) -> tuple[str, str]:
    """Level and message of a line; the line itself where it is not JSON."""
    try:
        event: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "", line.strip()
    if not isinstance(event, dict):
        return "", line.strip()
    message = str(event.get("event", ""))
    detail = event.get("error") or event.get("reason")
    return str(event.get("level", "")), f"{message}: {detail}" if detail else message
