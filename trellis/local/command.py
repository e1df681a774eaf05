"""The command line and environment of a revision's process."""

import os
import re
import sys
from pathlib import Path

from trellis.local.inference_service import MOUNT, Template
from trellis.local.storage import resolve

#: Set by the supervisor; what a manifest says of them holds inside a container only.
_OURS = frozenset({"--http_port", "--grpc_port", "--host", "--revision", "--model_dir"})
#: What makes a predictor this one. A shell or an .env that names them means another process.
_IDENTITY = frozenset(
    [
        "TRELLIS_PATH",
        "TRELLIS_MODEL_DIR",
        "TRELLIS_MODEL_NAME",
        "TRELLIS_DEFAULT_VERSIONS",
        "TRELLIS_HOST",
        "TRELLIS_HTTP_PORT",
        "TRELLIS_GRPC_PORT",
        "TRELLIS_WORKERS",
        "TRELLIS_REVISION",
        "TRELLIS_SSL_CERTFILE",
        "TRELLIS_SSL_KEYFILE",
    ]
)
_REFERENCE = re.compile(r"\$\$|\$\(([-._A-Za-z][-._A-Za-z0-9]*)\)")


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
    folder = model_folder(template, models)
    flags, _ = _sorted(_words(template))
    kept = [word for flag in flags if _name(flag[0]) not in _OURS for word in flag]
    words = [sys.executable, "-m", "trellis.serving"]
    # By position: it beats every environment and .env.
    words += [str(folder), *kept] if folder is not None else kept
    if not _given(flags, "--model_name"):
        words += ["--model_name", model_name(name, template)]
    if not _given(flags, "--workers"):
        words += ["--workers", template.env.get("TRELLIS_WORKERS", "1")]
    ports = ["--http_port", str(http_port), "--grpc_port", str(grpc_port)]
    return [*words, "--host", "127.0.0.1", *ports]


def predictor_environment(revision: str, name: str, template: Template) -> dict[str, str]:
    """This process's environment less what names another predictor, the manifest's over it, and
    the revision's names over both.
    """
    return {
        **{key: value for key, value in os.environ.items() if key.upper() not in _IDENTITY},
        **template.env,
        "TRELLIS_REVISION": revision,
        "K_REVISION": revision,
        "K_CONFIGURATION": f"{name}-predictor",
        "K_SERVICE": f"{name}-predictor",
    }


def model_folder(template: Template, models: Path) -> Path | None:
    """The folder that is served: what the storage names, else what the arguments or the env do;
    None where nothing does. Raises ``BadUri`` or ``OnlyInCluster`` as ``resolve``.
    """
    flags, positional = _sorted(_words(template))
    given = (
        (positional[-1] if positional else None)
        or _given(flags, "--model_dir")
        or template.env.get("TRELLIS_PATH")
        or template.env.get("TRELLIS_MODEL_DIR")
    )
    if template.storage_uri is None:
        return Path(given) if given else None
    folder = resolve(template.storage_uri, models)
    # A container finds its model where KServe mounts it; here that is the folder itself.
    if given and given.startswith(f"{MOUNT}/"):
        return folder / given.removeprefix(f"{MOUNT}/")
    return folder


def model_name(name: str, template: Template) -> str:
    """The name the revision answers to: --model_name among its arguments, else the env's, else
    the service's.
    """
    flags, _ = _sorted(_words(template))
    return _given(flags, "--model_name") or template.env.get("TRELLIS_MODEL_NAME") or name


def _words(template: Template) -> list[str]:
    """The server's arguments, with Kubernetes' ``$(NAME)`` expanded as there: an unknown name
    stays as it is, and ``$$`` is a dollar.
    """
    environment = {"STORAGE_URI": template.storage_uri or "", **template.env}

    def expanded(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else environment.get(match[1], match[0])

    words = (*own_arguments(template.command), *template.args)
    return [_REFERENCE.sub(expanded, word) for word in words]


def _sorted(words: list[str]) -> tuple[list[tuple[str, ...]], list[str]]:
    """The flags, each with its value (``--a=b`` or ``--a b``), and what stands by position."""
    flags: list[tuple[str, ...]] = []
    positional: list[str] = []
    rest = iter(words)
    for word in rest:
        if not word.startswith("--"):
            positional.append(word)
        elif "=" in word:
            flags.append((word,))
        else:
            flags.append((word, *([value] if (value := next(rest, None)) is not None else [])))
    return flags, positional


def _name(flag: str) -> str:
    return flag.partition("=")[0]


def _given(flags: list[tuple[str, ...]], name: str) -> str | None:
    """The value of a flag, the last one where it is given twice; None where it has none."""
    values = [
        flag[1] if len(flag) > 1 else flag[0].partition("=")[2]
        for flag in flags
        if _name(flag[0]) == name
    ]
    return values[-1] or None if values else None
