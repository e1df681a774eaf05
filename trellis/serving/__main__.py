"""``python -m trellis.serving``: one predictor process."""

import os
import sys

from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from trellis.serving.settings import ServingSettings


def main(arguments: list[str] | None = None) -> int:
    """Serve as the flags and the environment say; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        settings = CliApp.run(ServingSettings, cli_args=given)
    except ValidationError as error:
        for problem in error.errors():
            field = ".".join(str(part) for part in problem["loc"])
            print(
                f"trellis serve: {field}: {problem['msg']} (got {problem['input']!r:.80})",
                file=sys.stderr,
            )
        return 2
    except SettingsError as error:  # a list or a map that is no JSON
        print(f"trellis serve: {error}: {error.__cause__}", file=sys.stderr)
        return 2
    from trellis.serving.workers import WORKER, run_workers

    parent = os.environ.get(WORKER)
    if settings.workers > 1 and parent is None:
        grace = settings.drain_delay + 2 * settings.grace_period
        return run_workers(settings.workers, given, settings.log_level, grace)

    from trellis.serving.server import TrellisServer
    from trellis.serving.version_folder import VersionFolderError

    try:
        TrellisServer(settings, parent=None if parent is None else int(parent)).start()
    except VersionFolderError as error:
        print(f"trellis serve: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
