"""`trellis up`: reads the manifests, starts what they ask for, and stays until Ctrl-C."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console

from trellis.local.findings import Severity, worst_first
from trellis.local.manifests import Reading
from trellis.local.ports import why_not_free
from trellis.local.session import Session
from trellis.local.settings import UpSettings, read_settings
from trellis.local.state import StateError, StateFolder
from trellis.local.terminal import LiveScreen, PlainLines
from trellis.local.validate import brief_notes, read_and_check
from trellis.telemetry import logs


class CannotStart(Exception):
    """Why there is no run; the text is for the person who asked for one."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM; 0 after a drain, 1 where it cannot start, 130 where a second
    Ctrl-C cut the drain short.
    """
    try:
        paths, models, settings = read_settings(sys.argv[1:] if argv is None else argv)
        reading = _read(paths, models, settings)
        folder = StateFolder(settings.state)
        saved = folder.open()
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            field = ".".join(str(part) for part in problem["loc"])
            print(
                f"trellis up: {field}: {problem['msg']}, got {problem['input']!r}", file=sys.stderr
            )
        return 1
    except (CannotStart, StateError) as error:
        print(f"trellis up: {error}", file=sys.stderr)
        return 1
    console = Console()
    for line in brief_notes(reading.findings):
        console.print(f"note: {line}", style="dim", markup=False, highlight=False, soft_wrap=True)
    output = LiveScreen(console) if console.is_terminal else PlainLines()
    try:
        with (folder.logs / "up.log").open("a", encoding="utf-8") as log:
            writer = logs.configure("trellis.local", stream=log)
            logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it counts every save
            session = Session(paths, models, settings, folder, saved, output)
            try:
                return asyncio.run(_run(session, reading))
            finally:
                writer.close()
    finally:
        folder.close()


def _read(paths: list[Path], models: Path, settings: UpSettings) -> Reading:
    """The manifests, fit to run here; raises ``CannotStart`` with every reason why not."""
    try:
        reading = read_and_check(paths, models)
    except FileNotFoundError as error:
        raise CannotStart(str(error)) from error
    blocking = [finding for finding in reading.findings if finding.severity is not Severity.NOTE]
    if blocking:
        lines = "\n".join(finding.text() for finding in worst_first(blocking))
        raise CannotStart(f"the manifests cannot run here\n{lines}")
    names = [service.name for service in reading.services]
    if not names:
        raise CannotStart(f"no InferenceService in {', '.join(map(str, paths))}")
    if settings.default_model is not None and settings.default_model not in names:
        raise CannotStart(
            f"default_model is {settings.default_model!r}; the manifests name {', '.join(names)}"
        )
    for flag in ("http_port", "grpc_port"):
        port = getattr(settings, flag)
        if reason := why_not_free(settings.host, port):
            raise CannotStart(f"{settings.host}:{port}: {reason}; choose another: --{flag}")
    return reading


async def _run(session: Session, reading: Reading) -> int:
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(session.run(reading.services))
    asked = 0

    def on_signal() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            session.ask_to_stop()
        else:
            session.kill()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return 0 if asked <= 1 else 130
