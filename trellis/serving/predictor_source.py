"""The source that a predictor class is made of: its own module, its bases' and their helpers'.

Import statements are read from the source, not from what happens to be loaded, so that two
processes that serve the same version agree whatever else each has loaded. Imports by other means
(``importlib.import_module``) are not seen.
"""

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec

#: Told apart by a version, or the same for all.
_NOT_OURS = frozenset({"kserve", *sys.stdlib_module_names})
#: Its version stands for it; of it, only the modules of base classes are read.
_PLATFORM = __name__.partition(".")[0]


def source_digest(predictor: type) -> str:
    """sha256 in hex over the modules of the class and its bases, and what they import.

    Imports are followed through the packages (the first part of a module's name) that the class
    and its bases come from, but not into Trellis, KServe or the standard library. A module is
    read once in a process: what was edited since runs only in the next one.
    """
    bases = {parent.__module__ for parent in predictor.__mro__}
    waiting = [name for name in bases if _top(name) not in _NOT_OURS]
    followed = {_top(name) for name in waiting} - {_PLATFORM}
    found: dict[str, _Source] = {}
    while waiting:
        name = waiting.pop()
        if name in found or (source := _source(name)) is None:
            continue
        found[name] = source
        if _top(name) in followed:
            waiting += [other for other in source.imports if _top(other) in followed]
    digest = hashlib.sha256()
    for name, source in sorted(found.items()):
        digest.update(f"{name}={source.sha256}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Source:
    sha256: str
    imports: frozenset[str]


def _top(name: str) -> str:
    return name.partition(".")[0]


@cache
def _source(name: str) -> _Source | None:
    """A module's content and what it may import; ``None`` where there is no such module."""
    spec = _spec(name)
    if spec is None:
        return None
    content = _content(spec)
    return _Source(hashlib.sha256(content).hexdigest(), frozenset(_imports(name, spec, content)))


def _spec(name: str) -> ModuleSpec | None:
    if name in sys.modules:
        return sys.modules[name].__spec__
    try:
        return importlib.util.find_spec(name)
    except Exception:  # noqa: BLE001 - finding a module runs the packages around it
        return None


def _content(spec: ModuleSpec) -> bytes:
    """The file's bytes, source or compiled; empty for a folder without ``__init__.py``."""
    read = getattr(spec.loader, "get_data", None)
    if read is None or not spec.has_location:
        return b""
    content: bytes = read(spec.origin)
    return content


def _imports(name: str, spec: ModuleSpec, content: bytes) -> Iterator[str]:
    """Names of modules, and some that turn out to be none: ``from a import b`` may mean ``a.b``."""
    parents = name.split(".")[:-1]
    for length in range(1, len(parents) + 1):
        yield ".".join(parents[:length])
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # compiled
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            try:
                module = importlib.util.resolve_name(relative, spec.parent or None)
            except ImportError:  # it would fail when run, too
                continue
            yield module
            for alias in node.names:
                yield f"{module}.{alias.name}"
