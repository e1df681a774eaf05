import json
import subprocess
import sys

import pytest
import yaml

from tests.unit.rollout.cli.views import rehearsed
from trellis.rollout.cli.output import clean, complain, document, run, table
from trellis.rollout.cli.places import PlaceError


def test_columns_are_aligned_and_hold_nothing_that_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table(("NAME", "WHY"), [("tomato", "a\x1b[1m"), ("v", "b")])
    assert capsys.readouterr().out == "NAME    WHY\ntomato  a?[1m\nv       b\n"


def test_documents_have_the_keys_of_the_api(capsys: pytest.CaptureFixture[str]) -> None:
    view = rehearsed()
    document(view, "json")
    as_json = json.loads(capsys.readouterr().out)
    document(view, "yaml")
    assert yaml.safe_load(capsys.readouterr().out) == as_json
    assert as_json["spec"]["inferenceService"] == "tomato"
    assert as_json["status"]["verdict"]["guardrails"][0]["logENeeded"] > 0


def test_a_place_that_cannot_is_a_sentence_and_one(capsys: pytest.CaptureFixture[str]) -> None:
    async def fails() -> int:
        raise PlaceError("no rollout 'x'")

    assert run(fails()) == 1
    assert capsys.readouterr().err == "trellis: no rollout 'x'\n"


def test_a_reader_who_leaves_is_no_failure() -> None:
    script = (
        "from trellis.rollout.cli.output import run, say\n"
        "async def talks():\n"
        "    for _ in range(100_000): say('more')\n"
        "    return 0\n"
        "raise SystemExit(run(talks()))"
    )
    talking = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert talking.stdout is not None
    assert talking.stderr is not None
    assert talking.stdout.readline() == "more\n"
    talking.stdout.close()
    assert talking.stderr.read() == ""
    talking.stderr.close()
    assert talking.wait(30) == 0


def test_a_complaint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert complain("a\nb", 2) == 2
    assert capsys.readouterr().err == "trellis: a?b\n"
    assert clean("grün → 5 %") == "grün → 5 %"
