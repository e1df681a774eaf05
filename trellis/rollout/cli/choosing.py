"""Which place is meant: by flags, else the run on this machine that is alive, else the cluster."""

import argparse
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from trellis.rollout.cli import local
from trellis.rollout.cli.output import tell
from trellis.rollout.cli.places import Place, PlaceError


class _Settings(BaseSettings):
    """As ``trellis up`` has it."""

    model_config = SettingsConfigDict(
        env_prefix="TRELLIS_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    state: Path = Path(".trellis")


def place_options() -> argparse.ArgumentParser:
    """Flags of every command that asks a place."""
    options = argparse.ArgumentParser(add_help=False)
    group = options.add_argument_group("where the rollouts are")
    group.add_argument(
        "--local",
        type=Path,
        metavar="FOLDER",
        help="the run of `trellis up` on this machine; --local alone is that of its usual folder",
    )
    group.add_argument("--context", help="of the kubeconfig: the cluster, not a local run")
    group.add_argument("-n", "--namespace", help="of the cluster (default: the context's)")
    group.add_argument("--kubeconfig", help="else KUBECONFIG, else ~/.kube/config")
    return options


def parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """The words with ``place_options``; ``SystemExit`` (2) on misuse.

    ``--local`` without a folder is spelled out first: argparse would take a name for the folder.
    """
    usual = f"--local={_Settings().state}"
    options = parser.parse_args([usual if word == "--local" else word for word in words])
    if options.local is not None and _names_cluster(options):
        parser.error("--local is no cluster: leave out --context, --namespace and --kubeconfig")
    return options


@contextlib.asynccontextmanager
async def chosen(options: argparse.Namespace) -> AsyncIterator[Place]:
    """The place, told to the person, for the length of the block.

    As a plugin of kubectl only a flag leads to a local run. Raises ``PlaceError`` where there is none.
    """
    if options.local is not None:
        found = local.address(options.local)
        if found is None:
            raise PlaceError(f"no `trellis up` runs with the folder {options.local}")
        async with local.opened(options.local, found) as place:
            tell(f"in {place.where}")
            yield place
            return
    folder = _Settings().state
    by_kubectl = Path(sys.argv[0]).name.startswith("kubectl-")
    found = None if by_kubectl or _names_cluster(options) else local.address(folder)
    if found is not None and await local.is_alive(found):
        async with local.opened(folder, found) as place:
            tell(f"in {place.where}; --context or --namespace would ask the cluster")
            yield place
            return
    if found is not None:
        tell(f"the local run in {folder} has ended")
    from trellis.rollout.cli import cluster

    async with cluster.opened(
        options.context, options.namespace, options.kubeconfig, tell
    ) as in_cluster:
        tell(f"in {in_cluster.where}")
        yield in_cluster


def _names_cluster(options: argparse.Namespace) -> bool:
    return bool(options.context or options.namespace or options.kubeconfig)
