from pathlib import Path

import pytest

from trellis.rollout.cli.simulate import main

BAD = ("--canary_errors", "30%", "--requests_per_second", "50")


def test_a_bad_version_is_rolled_back_and_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(BAD) == 0
    said = capsys.readouterr().out
    assert "RolledBack     0 %  rollback: errors: canary" in said
    assert "simulated  RolledBack" in said
    assert "  rolledBack  canary  " in said


def test_a_recorded_history_says_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = tmp_path / "looks.jsonl"
    assert main([*BAD, "--record", str(looks)]) == 0
    invented = capsys.readouterr().out
    assert main(["--replay", str(looks)]) == 0
    assert capsys.readouterr().out == invented


def test_other_seeds_invent_other_histories(capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for seed in ("1", "1", "2"):
        main([*BAD, "--seed", seed])
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != said[2]


def test_users_who_return(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*BAD, "--users", "500", "--longest", "10m"]) == 0
    assert "visits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        ('{"at": 5, "weight": 5}\n{"at": 4, "weight": 5}\n', 2, "line 2: at 4 s comes after 5 s"),
        ('{"at": "x"}\n', 2, "line 1: at: "),
        ("", 1, "there was no look at all"),
    ],
)
def test_a_damaged_record_is_said(
    content: str, status: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = tmp_path / "looks.jsonl"
    looks.write_text(content)
    assert main(["--replay", str(looks)]) == status
    assert said in capsys.readouterr().err


def test_a_record_that_is_not_there_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--replay", str(tmp_path / "none.jsonl")]) == 1
    assert "cannot be opened: No such file" in capsys.readouterr().err
