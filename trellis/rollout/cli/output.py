"""What the commands print: documents, tables, sentences, and pictures by rich."""

import argparse
import asyncio
import os
import sys
from collections.abc import Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import orjson
import yaml
from pydantic import BaseModel

from trellis.rollout.cli.places import PlaceError

if TYPE_CHECKING:
    from rich.console import Console

_OF_STATUS = {"status": {"plan", "evidence"}}
_MEMORY: Any = {
    **_OF_STATUS,
    "rollouts": {"__all__": _OF_STATUS},
    "experiments": {"__all__": _OF_STATUS},
}
#: Columns of a file or a pipe.
_PAPER = 160


def run(command: Coroutine[Any, Any, int]) -> int:
    """Its exit code; 1 with a sentence where the place cannot do it, 0 where a person has had enough."""
    try:
        status = asyncio.run(command)
        sys.stdout.flush()
        return status
    except PlaceError as error:
        return complain(str(error), 1)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # `trellis ... | head`; the interpreter's own flush would fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def complain(sentence: str, status: int) -> int:
    """Say what is wrong on standard error; gives ``status`` back."""
    tell(f"trellis: {sentence}")
    return status


def tell(sentence: str) -> None:
    """Say something beside the result."""
    sys.stderr.write(f"{clean(sentence)}\n")
    sys.stderr.flush()


def say(line: str) -> None:
    """A line of the result, at once: what comes may be long in coming."""
    sys.stdout.write(f"{clean(line)}\n")
    sys.stdout.flush()


def clean(text: str) -> str:
    """Without what a terminal would obey: names and messages are of others."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns of text, the last one of any length."""
    lines = [tuple(columns), *(tuple(map(clean, row)) for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def document(found: BaseModel, form: str) -> None:
    """As ``json`` or ``yaml``, with the keys of the API; without the controller's own memory."""
    value = found.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=_MEMORY)
    if form == "json":
        sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        sys.stdout.write(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))


def console() -> "Console":
    """Of standard output, wide where it is no terminal."""
    from rich.console import Console

    on_terminal = sys.stdout.isatty()
    return Console(width=None if on_terminal else _PAPER, highlight=False)


def output_option() -> argparse.ArgumentParser:
    """``--output`` of commands that can print a document."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "-o", "--output", choices=("text", "json", "yaml"), default="text", help="(default text)"
    )
    return options
