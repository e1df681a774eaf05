from pathlib import Path

import pytest

from scripts.images.__main__ import main


def test_an_unknown_image_is_a_mistake_in_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["predictr"])
    assert "no image is called predictr; there are predictor" in capsys.readouterr().err


def test_without_docker_it_says_so_and_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 1
    told = capsys.readouterr().err
    assert "no program `docker`" in told
    assert "scripts/cluster/engine.sh" in told
