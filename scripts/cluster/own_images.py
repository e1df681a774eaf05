"""The project's own images for the cluster's workers, built where the engine has none."""

from collections.abc import Sequence

from scripts.cluster.program import Program
from scripts.cluster.progress import Say
from scripts.images import build
from scripts.images.targets import Target, named

#: What every model of `manifests/base` runs on.
DEFAULT = ("predictor",)


def ensure(docker: Program, base: str, names: Sequence[str], say: Say) -> list[str]:
    """Names of the images, each in the engine after this.

    :raises DockerError: where a build fails.
    """
    targets: list[Target] = named(list(names))
    for target in targets:
        if not docker.succeeds("image", "inspect", target.image):
            say(f"the build of {target.image}")
            build.build(target, base)
    return [target.image for target in targets]
