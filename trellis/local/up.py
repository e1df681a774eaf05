"""`trellis up`: reads the manifests, starts what they ask for, and stays until Ctrl-C."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console

from trellis.local.findings import Severity, worst_first
from trellis.local.manifests import Reading
from trellis.local.ports import why_not_free
from trellis.local.redis import check_data
from trellis.local.session import Session
from trellis.local.settings import UpSettings, read_settings
from trellis.local.state import StateError, StateFolder
from trellis.local.terminal import LiveScreen, PlainLines, say
from trellis.local.validate import brief_notes, read_and_check
from trellis.telemetry import logs

#: The exit code after a second Ctrl-C, as a shell gives for SIGINT.
CUT_SHORT = 130
#: For the killed processes to be seen as dead.
_KILL_SECONDS = 3.0


class CannotStart(Exception):
    """Why there is no run; the text is for the person who asked for one."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C, SIGTERM or SIGHUP; 0 after a drain, 1 where it cannot start, 130 where a
    second one cut the drain short.
    """
    try:
        paths, models, settings = read_settings(sys.argv[1:] if argv is None else argv)
        reading = _read(paths, models, settings)
        folder = StateFolder(settings.state)
        saved = folder.open()
        if settings.redis_url is None:
            check_data(folder)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            field = ".".join(str(part) for part in problem["loc"])
            # A secret that does not fit is a secret still.
            known = UpSettings.model_fields.get(field)
            got = "" if known is not None and known.exclude else f", got {problem['input']!r}"
            said = problem["msg"].removeprefix("Value error, ")
            print(f"trellis up: {field}: {said}{got}", file=sys.stderr)
        return 1
    except SettingsError as error:  # a list or a map that is no JSON
        print(f"trellis up: {error}: {error.__cause__}", file=sys.stderr)
        return 1
    except (CannotStart, StateError) as error:
        print(f"trellis up: {error}", file=sys.stderr)
        return 1
    console = Console()
    for line in brief_notes(reading.findings):
        if console.is_terminal:
            console.print(
                f"note: {line}", style="dim", markup=False, highlight=False, soft_wrap=True
            )
        else:
            say(f"note: {line}")
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
        folder.forget_controller()
        folder.close()


def _read(paths: list[Path], models: Path, settings: UpSettings) -> Reading:
    """The manifests, fit to run here; raises ``CannotStart`` with every reason why not."""
    try:
        reading = read_and_check(paths, models)
    except OSError as error:
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
    for flag in ("http_port", "grpc_port", "metrics_port"):
        port = getattr(settings, flag)
        if reason := why_not_free(settings.host, port):
            raise CannotStart(f"{settings.host}:{port}: {reason}; choose another: --{flag}")
    return reading


async def _run(session: Session, reading: Reading) -> int:
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(session.run(reading))
    asked = 0
    last_resort: list[asyncio.TimerHandle] = []

    def on_signal(number: signal.Signals) -> None:
        nonlocal asked
        if asked and number is signal.SIGHUP:
            return  # a terminal that closes may say so twice: the kernel and the shell
        asked += 1
        if asked == 1:
            session.ask_to_stop()
        else:
            # Set first, so that nothing that follows can keep the run alive.
            last_resort.append(loop.call_later(_KILL_SECONDS, os._exit, CUT_SHORT))
            session.kill()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # SIGHUP says that the terminal was closed; under nohup that is to mean nothing.
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, on_signal, number)
    with contextlib.suppress(asyncio.CancelledError):
        await running
    for timer in last_resort:
        timer.cancel()
    return 0 if asked <= 1 else CUT_SHORT
