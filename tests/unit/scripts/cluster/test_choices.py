from pathlib import Path

from scripts.cluster import choices


def test_what_was_asked_for_is_kept_until_something_else_is(tmp_path: Path) -> None:
    state = tmp_path / "not-yet"
    assert choices.extras(state, None) == frozenset()
    assert choices.extras(state, ("tls", "keda")) == {"tls", "keda"}
    assert choices.extras(state, None) == {"tls", "keda"}
    assert choices.extras(state, ()) == frozenset()
    assert choices.extras(state, None) == frozenset()


def test_a_cluster_that_went_leaves_no_choice(tmp_path: Path) -> None:
    choices.extras(tmp_path, ("tls",))
    choices.forget(tmp_path)
    assert choices.extras(tmp_path, None) == frozenset()


def test_a_file_that_was_cut_short_is_no_choice(tmp_path: Path) -> None:
    (tmp_path / "extras.json").write_text('["tl')
    assert choices.extras(tmp_path, None) == frozenset()


def test_a_part_of_an_older_checkout_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "extras.json").write_text('["istio", "tls"]')
    assert choices.extras(tmp_path, None) == {"tls"}
