"""YAML documents with the line of every field."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

FieldPath = tuple[str | int, ...]


class NotYaml(ValueError):
    """The text is no YAML; ``line`` says where it stops being so (1-based)."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


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


def dotted(path: FieldPath) -> str:
    """``spec.predictor.containers[0].name``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def documents(text: str) -> Iterator[YamlDocument]:
    """The documents of a stream, in order; empty ones are left out. Raises ``NotYaml``."""
    # yaml.load_all gives values without places, so the nodes are walked here.
    loader = yaml.SafeLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None:  # as its type allows; check_node has said otherwise
                break
            document = YamlDocument(None, {}, node.start_mark.line + 1)
            _walk(node, (), document)
            document.value = loader.construct_document(node)
            if document.value is not None:
                yield document
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYaml(_sentence(error), mark.line + 1 if mark else 1) from error
    except (yaml.YAMLError, ValueError) as error:  # a date such as 2026-99-99 is a ValueError
        raise NotYaml(f"not YAML: {error}", 1) from error
    finally:
        loader.dispose()


def _sentence(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return "not YAML: " + (", ".join(parts) or "unreadable")


def _walk(node: yaml.Node, path: FieldPath, document: YamlDocument) -> None:
    document.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in seen:
                document.repeated.append((*path, key))
            seen.add(key)
            document.lines[(*path, key)] = key_node.start_mark.line + 1
            _walk(value_node, (*path, key), document)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), document)
