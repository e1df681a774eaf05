import pytest

from trellis.local.yaml_lines import FieldPath, NotYaml, documents, dotted


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


def test_a_date_is_the_text_that_was_typed() -> None:
    (document,) = documents("a: 2026-99-99\nb: 2026-01-02\n")
    assert document.value == {"a": "2026-99-99", "b": "2026-01-02"}


def test_merged_mappings_give_way_to_what_is_written_beside_them() -> None:
    (document,) = documents("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  z: 5\n  <<: [*a, *b]\n")
    assert document.value["c"] == {"x": 1, "y": 2, "z": 5}
    assert document.line(("c", "z")) == 4


@pytest.mark.parametrize(
    ("text", "line", "path", "words"),
    [
        ("a: 1\nb: \x07\n", 2, (), "the character '\\x07'"),
        ('a:\n  b: "\\ud800"', 2, ("a", "b"), "half a character"),
        ('a: "\\0"', 1, ("a",), "a NUL"),
        ("a:\n  b: 99999999999999999999", 2, ("a", "b"), "expected one of 64 bits"),
        (f"a: {'9' * 5000}", 1, ("a",), "is no int"),
        ("a: !!int ''", 1, ("a",), "is no int"),
        ("a:\n  !!binary aGk=: 1", 2, ("a",), "a key that is no text"),
        ("a:\n  1: 2", 2, ("a",), "has the key 1, which is no text"),
        ("a:\n  ? [b]\n  : c", 2, ("a",), "a key that is no text"),
        ("a: !!binary aGk=", 1, ("a",), "the tag '!!binary'"),
        ("a: !!set {b}", 1, ("a",), "the tag '!!set'"),
        ("a: !!python/object:os.system {}", 1, ("a",), "the tag"),
        ("a: &a [*a]", 1, ("a", 0), "holds itself"),
        ("a: &a\n  <<: *a", 1, ("a",), "holds itself"),
        ("a: {<<: 5}", 1, ("a",), "is merged (<<) and no mapping"),
        ("[" * 2000, 1, (), "nested more than 100 deep"),
        ("\n" + "- " * 2000 + "x", 2, (), "nested more than 100 deep"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_what_no_manifest_holds_is_told_by_line_and_field(
    text: str, line: int, path: FieldPath, words: str
) -> None:
    with pytest.raises(NotYaml) as caught:
        list(documents(text))
    assert words in str(caught.value)
    assert (caught.value.line, caught.value.path) == (line, path)


def test_aliases_that_unfold_without_end_are_no_manifest() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(NotYaml, match="unfold without end"):
        list(documents("\n".join(rows)))


def test_dotted() -> None:
    assert dotted(("spec", "containers", 0, "name")) == "spec.containers[0].name"
