"""kubectl is a script here: what it is told, and how its refusals are taken."""

import stat
from pathlib import Path

import pytest

from scripts.cluster import apply
from scripts.cluster.documents import Manifest
from scripts.cluster.program import Program, ProgramFailed


def kubectl(folder: Path, body: str) -> Program:
    path = folder / "kubectl"
    path.write_text(f"#!/bin/sh\ncd {folder}\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Program(path)


def test_documents_are_applied_as_one_stream_by_one_owner(tmp_path: Path) -> None:
    program = kubectl(tmp_path, 'echo "$@" > told; cat > given')
    apply.objects(program, [{"kind": "A"}, "kind: B"], say=lambda _: None)
    assert "--server-side" in (tmp_path / "told").read_text()
    assert "--field-manager=trellis-cluster" in (tmp_path / "told").read_text()
    assert (tmp_path / "given").read_text() == '{"kind": "A"}\n---\nkind: B'


def test_a_webhook_on_its_way_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "_PAUSE", 0.0)
    refuses_once = "test -e tried || { touch tried; echo 'failed calling webhook' >&2; exit 1; }"
    said = list[str]()
    apply.objects(kubectl(tmp_path, refuses_once), [{"kind": "A"}], said.append)
    assert said == ["an admission webhook to answer"]


@pytest.mark.parametrize(
    ("words", "patience"),
    [("the field image is unknown", 60.0), ("failed calling webhook", 0.0)],
    ids=["another refusal", "no patience left"],
)
def test_a_refusal_is_told(tmp_path: Path, words: str, patience: float) -> None:
    program = kubectl(tmp_path, f"echo '{words}' >&2; exit 1")
    with pytest.raises(ProgramFailed) as caught:
        apply.objects(program, [{"kind": "A"}], lambda _: None, patience)
    assert words in caught.value.remedy


def test_definitions_are_waited_for_by_name(tmp_path: Path) -> None:
    definition = "kind: CustomResourceDefinition\nmetadata:\n  name: things.example.dev"
    program = kubectl(tmp_path, 'echo "$@" >> told')
    apply.definitions(program, [Manifest(definitions=[definition]), Manifest()], lambda _: None)
    told = (tmp_path / "told").read_text().splitlines()
    assert told[0].startswith("apply ")
    assert told[1].startswith("wait --for=condition=Established")
    assert told[1].endswith("customresourcedefinition/things.example.dev")


def test_without_definitions_nothing_is_asked(tmp_path: Path) -> None:
    apply.definitions(Program(tmp_path / "none"), [Manifest()], lambda _: None)
