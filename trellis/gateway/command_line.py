"""A process's settings from its command line, or what is wrong with them on standard error."""

import sys
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_settings import SettingsError

from trellis.gateway.settings import Settings, read_settings


def settings_or_complaint(
    argv: Sequence[str], program: str = "python -m trellis.gateway"
) -> Settings | None:
    """The settings; None where one does not fit, which has then been said."""
    try:
        return read_settings(argv, program)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            field = ".".join(str(part) for part in problem["loc"])
            sys.stderr.write(f"{field + ': ' if field else ''}{problem['msg']}\n")
    except SettingsError as error:
        reason = f": {error.__cause__}" if error.__cause__ else ""
        sys.stderr.write(f"{error}{reason}\n")
    return None
