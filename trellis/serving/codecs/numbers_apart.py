"""A large V2 document whose numbers never become Python objects.

150,000 floats as a list take a hundred times the memory and most of the time of a request. Here
they go from the text straight into an array of doubles. Whatever is not plain (nested lists, a
name twice, a string among the numbers, a mistake of any kind) is left to the usual parser, so that
both accept the same documents and refuse others in the same words.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import orjson
import simdjson
from numpy.typing import NDArray

#: Smaller bodies are read as fast by the usual parser.
LARGE = 16 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Numbers:
    """``data`` of one input: its flat numbers as float64 [n], and where the document has them."""

    doubles: NDArray[np.float64]
    body: bytes | memoryview
    place: int

    @cached_property
    def as_list(self) -> list[Any]:
        """The same as the usual parser gives it."""
        found: list[Any] = orjson.loads(self.body)["inputs"][self.place]["data"]
        return found


def parse(body: bytes | memoryview) -> dict[str, Any] | None:
    """The document with ``Numbers`` for the flat data of each input; ``None`` where it is not plain."""
    if body[:3] == _BYTE_ORDER_MARK:  # passed over by one parser, refused by the other
        return None
    try:
        document = simdjson.Parser().parse(body)
        found = _members(document, but="inputs")
        inputs = document["inputs"] if isinstance(document, simdjson.Object) else None
        if not isinstance(inputs, simdjson.Array):
            return None
        found["inputs"] = [_input(item, body, place) for place, item in enumerate(inputs)]
    except (ValueError, TypeError, KeyError, RuntimeError, _NotPlainError):
        return None
    # Nested numbers come flattened. There are none where every list of the text is accounted for.
    brackets = np.count_nonzero(np.frombuffer(body, dtype=np.uint8) == ord("["))
    return found if brackets == _lists(found) else None


class _NotPlainError(Exception):
    pass


def _members(item: Any, but: str) -> dict[str, Any]:
    """An object as a dictionary, less one member; a name given twice means the last to one parser."""
    if not isinstance(item, simdjson.Object):
        raise _NotPlainError
    names = list(item)
    if len(set(names)) != len(names):
        raise _NotPlainError
    return {name: _plain(item[name]) for name in names if name != but}


def _input(item: Any, body: bytes | memoryview, place: int) -> dict[str, Any]:
    found = _members(item, but="data")
    data = item["data"]
    if not isinstance(data, simdjson.Array):
        raise _NotPlainError
    doubles = np.frombuffer(data.as_buffer(of_type="d"), dtype=np.float64)
    found["data"] = Numbers(doubles, body, place)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, simdjson.Object):
        return value.as_dict()
    return value.as_list() if isinstance(value, simdjson.Array) else value


def _lists(document: Any) -> int:
    """How many lists there are in a document, those of numbers set apart included."""
    found = 0
    waiting = [document]  # not by recursion: parsers go deeper than Python does
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            found += 1
            waiting += value
        else:
            found += isinstance(value, Numbers)
    return found
