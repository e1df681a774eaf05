import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.unit.rollout.cli.views import rehearsed
from trellis.rollout.cli.plan import main, seen_rates

#: So large that few requests tell: the tests stay short.
GRAVE = ("--requests_per_second", "20", "--rate", "errors=5%", "--ratio", "10", "--weights", "20")


def test_times_steps_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "plan.svg"
    assert main([*GRAVE, "--output", str(picture)]) == 0
    said = capsys.readouterr()
    assert "errors: stable 5 %, the regression 50 %" in said.out
    assert "at 20 %: caught within " in said.out
    assert "proposed steps:\n  - {weight: " in said.out
    assert "restarts" in said.out
    assert f"{picture} has the picture" in said.err
    assert ET.parse(picture).getroot().tag.endswith("svg")


def test_less_patience_proposes_more_traffic(capsys: pytest.CaptureFixture[str]) -> None:
    first = []
    for patience in ("10s", "24h"):
        assert main([*GRAVE, "--patience", patience]) == 0
        steps = capsys.readouterr().out.partition("proposed steps:\n  - {weight: ")[2]
        first.append(int(steps.partition(",")[0]))
    assert first[0] > first[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--requests_per_second"),
        (("--requests_per_second", "9"), "say what stable does now, as --rate errors=0.5%"),
        (
            ("--requests_per_second", "9", "--rate", "errs=1%"),
            "no guardrail 'errs'; there are errors",
        ),
        (("--requests_per_second", "0", "--rate", "errors=1%"), "0 requests a second bring no"),
        (("--requests_per_second", "9", "--rate", "1%"), "expected GUARDRAIL=SHARE"),
        ((*GRAVE, "--weights", "0"), "expected percents from 1 to 99"),
        ((*GRAVE, "--weights", "5,"), "expected percents from 1 to 99"),
        ((*GRAVE, "--canary_rate", "6%"), "not allowed with argument"),
        ((*GRAVE, "--output", "plan.png"), "expected a name that ends in .svg"),
        ((*GRAVE, "tomato", "--file", "a.yaml"), "give NAME or --file"),
        ((*GRAVE, "--local", "--context", "kind"), "--local is no cluster"),
    ],
)
def test_misuse_is_two(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(words)
    except SystemExit as ended:
        status = int(ended.code or 0)
    assert status == 2
    assert said in capsys.readouterr().err


def test_a_picture_that_cannot_be_written_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*GRAVE, "--output", str(tmp_path / "none" / "plan.svg")]) == 1
    assert "cannot be written: No such file" in capsys.readouterr().err


def test_stables_rates_come_from_the_last_verdict() -> None:
    view = rehearsed()
    assert view.status.verdict is not None
    errors = view.status.verdict.guardrails[0].stable
    assert seen_rates(view) == {"errors": errors.events / errors.total}
