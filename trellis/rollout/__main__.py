"""``python -m trellis.rollout``: the controller, one process, until SIGTERM."""

import asyncio
import signal
import sys
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_settings import SettingsError

from trellis.rollout.app import run
from trellis.rollout.errors import ControllerError
from trellis.rollout.open_files import allow_many
from trellis.rollout.settings import Settings, read_settings
from trellis.telemetry.logs import configure, get_logger
from trellis.telemetry.metrics import ControllerMetrics


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Nothing has to be finished: a pass may end anywhere.

    Raises ``ControllerError`` where it cannot start.
    """
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(run(settings, ControllerMetrics()))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        get_logger().info("the controller stops")


def main(argv: Sequence[str] | None = None) -> int:
    """Read the settings and run; 2 where a setting does not fit, 1 where it cannot start."""
    try:
        settings = read_settings(sys.argv[1:] if argv is None else argv)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            field = ".".join(str(part) for part in problem["loc"])
            sys.stderr.write(f"{field + ': ' if field else ''}{problem['msg']}\n")
        return 2
    except SettingsError as error:
        reason = f": {error.__cause__}" if error.__cause__ else ""
        sys.stderr.write(f"{error}{reason}\n")
        return 2
    configure("rollout", settings.log_level)
    allow_many()
    try:
        asyncio.run(serve(settings))
    except ControllerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
