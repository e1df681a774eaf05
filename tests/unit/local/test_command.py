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
    assert full[-6:] == ["--host", "127.0.0.1", "--http_port", "1234", "--grpc_port", "5678"]
    return full[3:-6]


def test_the_model_form() -> None:
    assert words(storage_uri="pvc://models/tomato/v1") == [
        "--model_dir", "models/tomato/v1", "--model_name", "tomato",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "args",
    [
        ("--model_dir", "/mnt/models"),
        ("--model_dir=/mnt/models",),
        ("/mnt/models",),
        ("--http_port=8080", "--grpc_port", "9000", "--host", "0.0.0.0"),
    ],
    ids=str,
)
def test_a_containers_own_paths_and_ports_give_way(args: tuple[str, ...]) -> None:
    got = words(storage_uri="pvc://models/squares/v1", command=OURS, args=args)
    assert got == ["--model_dir", "models/squares/v1", "--model_name", "tomato"]


def test_other_arguments_stay_with_kubernetes_variables_expanded() -> None:
    got = words(
        command=(*OURS, "--engine=onnx"),
        args=("--model_dir=$(WHERE)", "--model_name", "numbers", "$(UNKNOWN)"),
        env={"WHERE": "models/squares/v1"},
    )
    assert got == [
        "--engine=onnx", "--model_dir=models/squares/v1", "--model_name", "numbers", "$(UNKNOWN)",
    ]  # fmt: skip


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


def test_the_environment_names_the_revision() -> None:
    template = Template(digest="x", env={"A": "b", "K_REVISION": "not this"})
    environment = command.predictor_environment("tomato-00001", "tomato", template)
    assert environment["K_REVISION"] == "tomato-00001"
    assert environment["A"] == "b"
    assert "PATH" in environment
