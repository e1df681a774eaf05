"""The project's own images for the cluster's workers, of the code as it is."""

from collections.abc import Sequence

from scripts.cluster.progress import Say
from scripts.images import build
from scripts.images.targets import Target, named

#: What every model of `manifests/base` runs on, and what stands before them.
DEFAULT = ("predictor", "gateway")


def ensure(base: str, names: Sequence[str], say: Say) -> list[str]:
    """Names of the images, each in the engine after this; one whose code is the same costs a second.

    :raises DockerError: where a build fails.
    """
    targets: list[Target] = named(list(names))
    for target in targets:
        say(f"Building {target.image}, where its code has changed")
        build.build(target, base)
    return [target.image for target in targets]
