"""`python -m scripts.cluster`: the kind cluster, up and down."""

import argparse
import os
import sys
from collections.abc import Callable

from rich.console import Console

from scripts.cluster import gpu, own_images
from scripts.cluster.bring_up import bring_up, parts
from scripts.cluster.cluster import kubectl
from scripts.cluster.errors import ClusterError
from scripts.cluster.preflight import engine
from scripts.cluster.progress import Progress
from scripts.cluster.report import report
from scripts.cluster.settings import Settings, from_environment
from scripts.cluster.status import status
from scripts.cluster.supply import EXTRAS
from scripts.cluster.tear_down import tear_down
from scripts.images.docker import DockerError
from scripts.images.targets import TARGETS


def main(arguments: list[str]) -> int:
    """The exit code; what went wrong is on standard error."""
    chosen = _parser().parse_args(arguments)
    errors = Console(stderr=True)
    try:
        settings = from_environment(os.environ)
        return _run(chosen, settings, Progress(Console()))
    except (ClusterError, DockerError) as error:
        errors.print(f"{error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        errors.print("Stopped. Running it again goes on from here.")
        return 130


def _run(chosen: argparse.Namespace, settings: Settings, progress: Progress) -> int:
    match chosen.command:
        case "up":
            report(bring_up(settings, progress, chosen.extras, chosen.images))
        case "down":
            tear_down(settings, progress, images=chosen.images)
        case "status":
            return 0 if status(settings, progress) else 1
        case "tools":
            quiet = Progress(Console(stderr=True))
            parts(settings, quiet, engine(), ("tools",))
            print(settings.tools)
        case "gpu":
            gpu.advertise(kubectl(settings), chosen.node, chosen.count)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="make the cluster, or repair it")
    up.add_argument(
        "--with",
        dest="extras",
        type=_names(tuple(EXTRAS)),
        metavar="A,B",
        help=f"more parts: {', '.join(EXTRAS)} (default: what was asked for last)",
    )
    up.add_argument(
        "--images",
        type=_names(tuple(target.name for target in TARGETS)),
        default=own_images.DEFAULT,
        metavar="A,B",
        help=f"our images that the workers get (default: {', '.join(own_images.DEFAULT)})",
    )
    down = commands.add_parser("down", help="remove the cluster; built parts stay in the cache")
    down.add_argument("--images", action="store_true", help="remove the trellis/* images too")
    commands.add_parser("status", help="how it is")
    commands.add_parser("tools", help="print the folder of kind, kubectl and helm")
    fake = commands.add_parser("gpu", help="let a node advertise GPUs that it does not have")
    fake.add_argument("node")
    fake.add_argument("count", type=int)
    return parser


def _names(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """A reader of comma-separated names."""

    def read(text: str) -> tuple[str, ...]:
        names = tuple(part.strip() for part in text.split(",") if part.strip())
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown)} is not among {', '.join(known)}"
            )
        return names

    return read


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
