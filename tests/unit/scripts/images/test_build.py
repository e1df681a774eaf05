from pathlib import Path

import pytest

from scripts.images import build
from scripts.images.targets import ROOT, named

(PREDICTOR,) = named(["predictor"])


def test_a_build_names_target_tag_base_and_commit() -> None:
    assert build.arguments(PREDICTOR, "python:3.11-slim-bookworm", None, "abc") == [
        "--progress=plain",
        "--target=predictor",
        f"--tag={PREDICTOR.image}",
        "--build-arg=BASE=python:3.11-slim-bookworm",
        "--label=org.opencontainers.image.revision=abc",
        "--label=org.opencontainers.image.base.name=python:3.11-slim-bookworm",
    ]


def test_certificates_are_a_secret_of_the_build(tmp_path: Path) -> None:
    told = build.arguments(PREDICTOR, "base", tmp_path / "ca.crt", "abc")
    assert told[-2:] == ["--secret", f"id=ca,src={tmp_path}/ca.crt"]


def test_the_bundle_is_the_first_that_is_named_and_there_else_the_machines_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in build.BUNDLES:
        monkeypatch.delenv(variable, raising=False)
    own = tmp_path / "own.crt"
    assert build.certificates(own) is None
    own.touch()
    assert build.certificates(own) == own
    bundle = tmp_path / "ca.crt"
    bundle.touch()
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "gone.crt"))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert build.certificates(own) == bundle


def test_the_commit_is_the_last_that_changed_what_images_are_made_of() -> None:
    if (ROOT / ".git").exists():
        assert len(build.revision()) == 40
    else:
        assert build.revision() == "unknown"
