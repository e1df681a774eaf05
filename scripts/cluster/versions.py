"""The versions of everything that a cluster is made of, as `versions.toml` pins them."""

import tomllib
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("versions.toml")


@cache
def versions() -> dict[str, str]:
    """Every version by the name of its program or part, without a leading `v`.

    :raises ValueError: where two tables of the file give the same name.
    """
    flat: dict[str, str] = {}
    for table, entries in tomllib.loads(FILE.read_text()).items():
        for name, version in entries.items():
            if name in flat:
                raise ValueError(f"{FILE.name}: [{table}] gives {name} a second time")
            flat[name] = version
    return flat


def version(name: str) -> str:
    """The version of one program or part.

    :raises KeyError: where the file has no such name; says which it has.
    """
    try:
        return versions()[name]
    except KeyError:
        raise KeyError(f"{FILE.name} has no {name}; it has {', '.join(versions())}") from None
