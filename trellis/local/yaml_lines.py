"""YAML documents as Kubernetes takes them, with the line of every field.

Only what JSON can say is a manifest: text keys, text, numbers of 64 bits, booleans, null. A date
is the text that was typed, as for `kubectl apply`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.reader import ReaderError

FieldPath = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_SCALARS = frozenset(f"{_TAG}{kind}" for kind in ("str", "int", "float", "bool", "null"))
#: Beyond these no manifest is meant: the reader would only run out of stack or memory.
_DEEPEST = 100
_MOST_NODES = 200_000


class NotYaml(ValueError):
    """The text is no manifest; ``line`` (1-based) and ``path`` say where it stops being so."""

    def __init__(self, problem: str, line: int, path: FieldPath = (), remedy: str = "") -> None:
        super().__init__(problem)
        self.line, self.path, self.remedy = line, path, remedy


@dataclass
class YamlDocument:
    """One document: its value, and the 1-based line of each field by path."""

    value: Any
    lines: dict[FieldPath, int]
    first_line: int
    repeated: list[FieldPath] = field(default_factory=list)  #: keys given twice in one mapping

    def line(self, path: FieldPath) -> int:
        """The field's line; that of the nearest parent where the field is missing."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, self.first_line)

    def below(self, root: FieldPath, value: Any) -> "YamlDocument":
        """``value``, which stands at ``root`` of this document, as a document of its own."""
        deep = len(root)
        lines = {path[deep:]: line for path, line in self.lines.items() if path[:deep] == root}
        repeated = [path[deep:] for path in self.repeated if path[:deep] == root]
        return YamlDocument(value, lines, self.line(root), repeated)


def dotted(path: FieldPath) -> str:
    """``spec.predictor.containers[0].name``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def documents(text: str) -> Iterator[YamlDocument]:
    """The documents of a stream, in order; empty ones are left out. Raises ``NotYaml``."""
    # yaml.load_all gives values without places, so the nodes are walked here.
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            if node is None:  # as its type allows; check_node has said otherwise
                break
            document = YamlDocument(None, {}, node.start_mark.line + 1)
            document.value = _Walk(loader, document).value(node, ())
            if document.value is not None:
                yield document
    except ReaderError as error:
        # Of text, `character` is the code and `position` counts characters.
        character = chr(ord(error.character)) if isinstance(error.character, str) else None
        shown = repr(character or chr(int(error.character)))
        line = text.count("\n", 0, error.position) + 1
        raise NotYaml(f"not YAML: holds the character {shown}", line, (), "remove it") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYaml(_sentence(error), mark.line + 1 if mark else 1) from error


class _Loader(yaml.SafeLoader):
    """Makes nodes no deeper than ``_DEEPEST``, and no dates."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.depth >= _DEEPEST:
            line = self.line + 1  # where the reader is
            raise NotYaml(f"not a manifest: nested more than {_DEEPEST} deep", line)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] not in {f"{_TAG}timestamp", f"{_TAG}value"}]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Walk:
    """The value of a document's nodes, their lines noted on the way."""

    def __init__(self, loader: _Loader, document: YamlDocument) -> None:
        self._loader, self._document = loader, document
        self._inside: set[int] = set()  #: nodes that the walk is within
        self._nodes = 0

    def value(self, node: yaml.Node, path: FieldPath) -> Any:
        line = node.start_mark.line + 1
        self._document.lines.setdefault(path, line)
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise NotYaml("not a manifest: its aliases (*name) unfold without end", line, path)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._inside:
            raise NotYaml("holds itself by an alias (*name)", line, path, "write it out")
        self._inside.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        finally:
            self._inside.discard(id(node))
        raise _foreign(node, path)

    def _mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged = {**self._merged(value_node, path), **merged}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self._key(key_node, path)
            here = (*path, key)
            if key in own:
                self._document.repeated.append(here)
            self._document.lines[here] = key_node.start_mark.line + 1
            own[key] = self.value(value_node, here)
        return {**merged, **own}

    def _merged(self, node: yaml.Node, path: FieldPath) -> dict[str, Any]:
        """What ``<<: *name`` or ``<<: [*name, *other]`` takes in; the first of a list wins."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        taken: dict[str, Any] = {}
        for one in nodes:
            value = self.value(one, path)
            if not isinstance(value, dict):
                line = one.start_mark.line + 1
                raise NotYaml("is merged (<<) and no mapping", line, path, "write it out")
            taken = {**value, **taken}
        return taken

    def _key(self, node: yaml.Node, path: FieldPath) -> str:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}str":
            return _text(node.value, line, path)
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            remedy = f'quote it: "{node.value}"' if node.value else "remove it"
            problem = f"has the key {node.value}, which is no text; expected text"
            raise NotYaml(problem, line, path, remedy)
        raise NotYaml("has a key that is no text", line, path, "remove it")

    def _scalar(self, node: yaml.ScalarNode, path: FieldPath) -> Any:
        line = node.start_mark.line + 1
        if node.tag not in _SCALARS:
            raise _foreign(node, path)
        try:
            value = self._loader.construct_object(node)
        except (ValueError, LookupError) as error:  # `!!int abc`, a number of 5000 digits
            problem = f"is {_short(node.value)}, which is no {node.tag.removeprefix(_TAG)}"
            raise NotYaml(problem, line, path) from error
        if isinstance(value, str):
            return _text(value, line, path)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            problem = f"is the number {_short(node.value)}; expected one of 64 bits"
            raise NotYaml(problem, line, path, "write a smaller one, or quote it where text is due")
        return value


def _text(value: str, line: int, path: FieldPath) -> str:
    """``value``, which must be text that files and processes can take."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        problem = f"is {_short(ascii(value))}, which holds half a character (a surrogate)"
        raise NotYaml(problem, line, path, "write the character itself") from error
    if "\0" in value:
        raise NotYaml(f"is {_short(repr(value))}, which holds a NUL", line, path, "remove it")
    return value


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}..."  # enough to recognise


def _foreign(node: yaml.Node, path: FieldPath) -> NotYaml:
    tag = str(node.tag).replace(_TAG, "!!")
    line = node.start_mark.line + 1
    return NotYaml(f"has the tag {tag!a}, which no manifest has", line, path, "remove it")


def _sentence(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return "not YAML: " + (", ".join(parts) or "unreadable")
