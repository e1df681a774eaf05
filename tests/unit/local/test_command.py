import os
import sys
from pathlib import Path

import pytest

from trellis.local import command
from trellis.local.inference_service import Template

OURS = ("python", "-m", "trellis.serving")


def words(**fields: object) -> list[str]:
    template = Template.model_validate({"digest": "x", **fields})
    full = command.predictor_command("tomato", template, Path("models"), 1234, 5678)
    assert full[:3] == [sys.executable, "-m", "trellis.serving"]
    assert full[-8:] == [
        "--workers", "1", "--host", "127.0.0.1", "--http_port", "1234", "--grpc_port", "5678",
    ]  # fmt: skip
    return full[3:-8]


def test_the_model_form() -> None:
    # By position, which beats TRELLIS_PATH of an environment or .env.
    assert words(storage_uri="pvc://models/tomato/v1") == [
        "models/tomato/v1", "--model_name", "tomato",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "args",
    [
        ("--model_dir", "/mnt/models"),
        ("--model_dir=/mnt/models",),
        ("/mnt/models",),
        ("--http_port=8080", "--grpc_port", "9000", "--host", "0.0.0.0", "--revision=mine"),
    ],
    ids=str,
)
def test_a_containers_own_paths_and_ports_give_way(args: tuple[str, ...]) -> None:
    got = words(storage_uri="pvc://models/squares/v1", command=OURS, args=args)
    assert got == ["models/squares/v1", "--model_name", "tomato"]


def test_a_folder_below_the_mount_is_one_below_the_storage() -> None:
    got = words(storage_uri="pvc://models/squares", command=OURS, args=("/mnt/models/v1",))
    assert got[0] == "models/squares/v1"


def test_other_arguments_stay_with_kubernetes_variables_expanded() -> None:
    got = words(
        command=(*OURS, "--engine=onnx"),
        args=("--model_dir=$(WHERE)", "--model_name", "$$(WHERE)", "--log_level", "$(UNKNOWN)"),
        env={"WHERE": "models/squares/v1"},
    )
    assert got == [
        "models/squares/v1", "--engine=onnx", "--model_name", "$(WHERE)",
        "--log_level", "$(UNKNOWN)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "folder"),
    [
        ({}, None),
        ({"args": ("--engine", "onnx")}, None),
        ({"args": ("--engine", "onnx", "a")}, Path("a")),
        ({"args": ("--model_dir", "a", "--model_dir=b")}, Path("b")),
        ({"env": {"TRELLIS_MODEL_DIR": "a"}}, Path("a")),
        ({"env": {"TRELLIS_MODEL_DIR": "a", "TRELLIS_PATH": "b"}}, Path("b")),
    ],
    ids=str,
)
def test_the_folder_that_is_served(fields: dict[str, object], folder: Path | None) -> None:
    template = Template.model_validate({"digest": "x", "command": OURS, **fields})
    assert command.model_folder(template, Path("models")) == folder


@pytest.mark.parametrize(
    ("args", "name"),
    [
        ((), "tomato"),
        (("--model_name=n",), "n"),
        (("--model_name", "n"), "n"),
        (("--model_name",), "tomato"),
    ],
)
def test_the_name_it_answers_to(args: tuple[str, ...], name: str) -> None:
    assert command.model_name("tomato", Template(digest="x", args=args)) == name


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        (OURS, True),
        (("/usr/bin/python3.11", "-m", "trellis.serving", "--engine=onnx"), True),
        (("trellis", "serve"), True),
        (("python", "server.py"), False),
        (("python", "-m", "other"), False),
        (("trellis", "up"), False),
        (("sh",), False),
        ((), False),
    ],
)
def test_whose_command_it_is(given: tuple[str, ...], ours: bool) -> None:
    assert command.is_ours(given) is ours


def test_what_names_another_predictor_is_not_handed_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in os.environ if name.startswith("TRELLIS_")]:
        monkeypatch.delenv(name)  # the run of the tests has settings of its own
    for name in ("PATH", "MODEL_DIR", "MODEL_NAME", "HTTP_PORT", "WORKERS", "REVISION", "ENGINE"):
        monkeypatch.setenv(f"TRELLIS_{name}", "5")
    template = Template(digest="x", env={"TRELLIS_HTTP_PORT": "7"})
    environment = command.predictor_environment("tomato-00001", "tomato", template)
    ours = {name: value for name, value in environment.items() if name.startswith("TRELLIS_")}
    assert ours == {
        "TRELLIS_HTTP_PORT": "7",
        "TRELLIS_REVISION": "tomato-00001",
        "TRELLIS_ENGINE": "5",
    }


def test_the_manifests_workers_and_name_hold() -> None:
    template = Template(digest="x", env={"TRELLIS_WORKERS": "2", "TRELLIS_MODEL_NAME": "numbers"})
    full = command.predictor_command("tomato", template, Path("models"), 1, 2)
    assert full[3:7] == ["--model_name", "numbers", "--workers", "2"]
    assert command.model_name("tomato", template) == "numbers"


def test_the_environment_names_the_revision() -> None:
    template = Template(digest="x", env={"A": "b", "K_REVISION": "not this"})
    environment = command.predictor_environment("tomato-00001", "tomato", template)
    assert environment["K_REVISION"] == "tomato-00001"
    assert environment["A"] == "b"
    assert "PATH" in environment
