"""Lists of objects as ``kubectl get KIND -o json`` writes them."""

import sys
from pathlib import Path
from typing import Any

import orjson


def items(path: Path, command: str, bad: type[ValueError]) -> list[Any]:
    """The objects of a file, or of standard input where it is ``-``.

    Raises ``bad``, naming what is wrong and the ``command`` that writes such a list, and
    ``OSError`` where it cannot be read.
    """
    text = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    said = f"expected what `{command}` writes"
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise bad(f"{path} is no JSON ({error}); {said}") from error
    found = document.get("items") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise bad(f"{path} has no list `items`; {said}")
    return found
