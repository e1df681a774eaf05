"""The command line and environment of a revision's process."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from trellis.local.inference_service import MOUNT, Template
from trellis.local.storage import resolve

#: Set by the supervisor; what a manifest says of them holds inside a container only.
_OURS = frozenset({"--http_port", "--grpc_port", "--host"})


def is_ours(command: tuple[str, ...]) -> bool:
    """Whether a container's command starts our own server: ``python -m trellis.serving`` or
    ``trellis serve``.
    """
    if len(command) < 2:  # the shortest is `trellis serve`
        return False
    program = Path(command[0]).name
    if program == "trellis":
        return command[1] == "serve"
    python = program == "python" or program.startswith("python3")
    return python and command[1:3] == ("-m", "trellis.serving")


def own_arguments(command: tuple[str, ...]) -> tuple[str, ...]:
    """What follows the server's name in a command that ``is_ours``, or is empty."""
    if not command:
        return ()
    return command[2:] if Path(command[0]).name == "trellis" else command[3:]


def predictor_command(
    name: str, template: Template, models: Path, http_port: int, grpc_port: int
) -> list[str]:
    """The argument list that serves ``template`` under ``name`` on these loopback ports."""
    words = [sys.executable, "-m", "trellis.serving"]
    folder = resolve(template.storage_uri, models) if template.storage_uri else None
    ours = _OURS if folder is None else _OURS | {"--model_dir"}
    environment = {"STORAGE_URI": template.storage_uri or "", **template.env}
    for word in _without(ours, (*own_arguments(template.command), *template.args)):
        expanded = _expanded(word, environment)
        if folder is not None and (expanded == MOUNT or expanded.startswith(MOUNT + "/")):
            # A container finds its model where KServe mounts it; here that is the folder itself.
            continue
        words.append(expanded)
    if folder is not None:
        words += ["--model_dir", str(folder)]
    if not _has_flag(words, "--model_name"):
        words += ["--model_name", name]
    ports = ["--http_port", str(http_port), "--grpc_port", str(grpc_port)]
    return [*words, "--host", "127.0.0.1", *ports]


def predictor_environment(revision: str, name: str, template: Template) -> dict[str, str]:
    """This process's environment, the manifest's over it, and Knative's names over both."""
    return {
        **os.environ,
        **template.env,
        "K_REVISION": revision,
        "K_CONFIGURATION": f"{name}-predictor",
        "K_SERVICE": f"{name}-predictor",
    }


def model_name(name: str, template: Template) -> str:
    """The name the revision answers to: --model_name among its arguments, else the service's."""
    words = [*own_arguments(template.command), *template.args]
    for index, word in enumerate(words):
        flag, separator, value = word.partition("=")
        if flag != "--model_name":
            continue
        if separator:
            return value
        if index + 1 < len(words):
            return words[index + 1]
    return name


def _without(flags: frozenset[str], words: tuple[str, ...]) -> list[str]:
    """The words less these flags and their values, written ``--a=b`` or ``--a b``."""
    kept: list[str] = []
    skip_value = False
    for word in words:
        if skip_value:
            skip_value = False
            continue
        flag, separator, _ = word.partition("=")
        if flag in flags:
            skip_value = not separator
            continue
        kept.append(word)
    return kept


def _has_flag(words: list[str], flag: str) -> bool:
    return any(word.partition("=")[0] == flag for word in words)


def _expanded(word: str, environment: Mapping[str, str]) -> str:
    """Kubernetes' ``$(NAME)``; an unknown name stays as it is, as there."""
    for name, value in environment.items():
        word = word.replace(f"$({name})", value)
    return word
