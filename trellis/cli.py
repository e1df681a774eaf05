"""The person's entry, ``trellis``: picks the command and imports only that one."""

import difflib
import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple


class Command(NamedTuple):
    """A command: the module whose ``main(argv)`` runs it, what it does, and whether it imports
    predictor classes, which may lie in the folder that it is called from.
    """

    module: str
    summary: str
    imports_predictors: bool = False


COMMANDS = {
    "up": Command("trellis.local.up", "run InferenceService YAML on this machine"),
    "validate": Command("trellis.local.validate", "check InferenceService YAML"),
    "serve": Command(
        "trellis.serving.__main__", "one predictor process: a version, or a folder", True
    ),
    "gateway": Command("trellis.gateway.__main__", "one gateway process"),
    "rollout": Command("trellis.rollout.cli.rollout", "see rollouts, pause, promote, abort them"),
    "experiment": Command("trellis.rollout.cli.experiment", "see experiments and their arms"),
    "plan": Command("trellis.rollout.cli.plan", "how long until a regression is caught"),
    "simulate": Command(
        "trellis.rollout.cli.simulate", "a recorded or invented history, decided as in earnest"
    ),
    "jobs": Command("trellis.gateway.jobs.command", "see, replay and cancel jobs"),
    "keys": Command("trellis.gateway.access.command", "make, list and revoke API keys"),
    "models publish": Command("trellis.serving.publish", "write a version folder", True),
    "models convert": Command(
        "trellis.serving.convert", "turn a joblib or pickle file into skops (runs its code)"
    ),
}

_USAGE = "usage: trellis COMMAND [ARGUMENT ...]    (trellis COMMAND --help tells more)"


def help_text() -> str:
    """Usage and every command with its summary."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join((_USAGE, "", "commands:", *lines))


def package_version() -> str:
    """The installed version; ``unknown`` where Trellis runs from a source tree uninstalled."""
    try:
        return version("trellis")
    except PackageNotFoundError:
        return "unknown"


def find(words: Sequence[str]) -> tuple[Command, list[str]] | None:
    """The command that ``words`` start with, and the rest; None where there is none."""
    for count in (2, 1):
        command = COMMANDS.get(" ".join(words[:count]))
        if command is not None and len(words) >= count:
            return command, list(words[count:])
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; 2 where there is no such command."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in {"-h", "--help", "help"}:
        print(help_text())
        return 0 if words else 2
    if words[0] in {"-V", "--version"}:
        print(f"trellis {package_version()}")
        return 0
    found = find(words)
    if found is None:
        print(_unknown(words), file=sys.stderr)
        return 2
    command, rest = found
    if command.imports_predictors and "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` does
    module = importlib.import_module(command.module)
    result: int | None = module.main(rest)
    return result or 0


def _unknown(words: Sequence[str]) -> str:
    groups = {name.split()[0] for name in COMMANDS if " " in name}
    if words[0] in groups:
        members = [name for name in COMMANDS if name.startswith(words[0] + " ")]
        return f"trellis: {words[0]} is one of: {', '.join(members)}"
    near = difflib.get_close_matches(words[0], [*COMMANDS, *groups], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"trellis: no command {words[0]!r}{hint}\n\n{help_text()}"


if __name__ == "__main__":
    sys.exit(main())
