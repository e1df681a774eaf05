import pytest

from trellis.local.yaml_lines import NotYaml, documents, dotted


def test_every_field_has_its_line() -> None:
    (document,) = documents("a: 1\nb:\n  - c: 2\n  - d: {e: 3}\n")
    assert document.value == {"a": 1, "b": [{"c": 2}, {"d": {"e": 3}}]}
    assert document.line(("a",)) == 1
    assert document.line(("b", 0, "c")) == 3
    assert document.line(("b", 1, "d", "e")) == 4


def test_a_missing_field_has_its_parents_line() -> None:
    (document,) = documents("\n\na:\n  b: 1\n")
    assert document.line(("a", "c", "d")) == 3
    assert document.line(("z",)) == 3


def test_lines_go_on_over_documents_and_empty_ones_are_left_out() -> None:
    first, second = documents("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n")
    assert first.line(("a",)) == 2
    assert second.line(("b",)) == 7


def test_a_key_given_twice_is_noted() -> None:
    (document,) = documents("a:\n  b: 1\n  b: 2\n")
    assert document.repeated == [("a", "b")]
    assert document.line(("a", "b")) == 3


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1,\nb: 2", 2), ("a: 'x\n", 2), ("a: b: c\n", 1), ("a: *nobody\n", 1), ("\ta: 1\n", 1)],
    ids=["half a list", "half a string", "two colons", "unknown alias", "tab"],
)
def test_what_is_no_yaml_says_where(text: str, line: int) -> None:
    with pytest.raises(NotYaml, match="not YAML") as caught:
        list(documents(text))
    assert caught.value.line == line


def test_an_impossible_date_or_tag_is_no_yaml_either() -> None:
    for text in ("a: 2026-99-99", "a: !!python/object:os.system {}"):
        with pytest.raises(NotYaml):
            list(documents(text))


def test_dotted() -> None:
    assert dotted(("spec", "containers", 0, "name")) == "spec.containers[0].name"
