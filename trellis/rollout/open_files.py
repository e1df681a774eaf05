"""How many connections a controller may hold: one for each page of each pod that it reads."""

import contextlib
import resource


def allow_many() -> None:
    """Raise this process's limit of open files as far as it may by itself.

    Some containers begin with 1,024, which 250 rollouts under way would fill: a pod that could not be
    asked is taken for one that is silent.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A system may allow less than it tells: then it stays as it was.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
