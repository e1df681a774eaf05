"""``trellis rollout``, and ``kubectl trellis rollout``: see rollouts, and ask something of them."""

import argparse
from collections.abc import Sequence

from trellis.rollout.cli.ask import DOES, ask
from trellis.rollout.cli.choosing import chosen, parse, place_options
from trellis.rollout.cli.output import output_option, run

_PATIENCE = 60.0


def main(argv: Sequence[str]) -> int:
    """0; 1 where it is refused or not there; 2 on misuse."""
    return run(_run(parse(_parser(), argv)))


async def _run(options: argparse.Namespace) -> int:
    async with chosen(options) as place:
        match options.action:
            case "list":
                from trellis.rollout.cli.list_rollouts import list_rollouts

                return await list_rollouts(place, options.output)
            case "get" if not options.watch:
                from trellis.rollout.cli.get import get

                return await get(place, options.name, options.output)
            case "get" | "watch":
                from trellis.rollout.cli.watch import watch

                return await watch(place, options.name)
            case "history":
                from trellis.rollout.cli.history import history

                return await history(place, options.name)
            case "explain":
                from trellis.rollout.cli.explain import explain

                return await explain(place, options.name)
            case do:
                return await ask(place, options.name, do, options.version, options.timeout)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trellis rollout", description=__doc__.partition(":")[2], allow_abbrev=False
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    where = place_options()
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("name", metavar="NAME")
    form = output_option()

    def add(name: str, summary: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        return actions.add_parser(
            name, parents=[*parents, where], help=summary, description=summary, allow_abbrev=False
        )

    add("list", "all of them, a line each", form)
    get = add("get", "one of them, as a tree", named, form)
    get.add_argument("-w", "--watch", action="store_true", help="as `watch` does")
    add("watch", "the same, drawn anew until Ctrl-C; lines where there is no terminal", named)
    add("history", "what was done, when, by whom and why", named)
    add("explain", "why the last verdict, what is missing, what the deadline does", named)
    for do, summary in DOES.items():
        asked = add(do, summary, named)
        asked.add_argument(
            "--version", help="only while this one is on trial (default: the one that is now)"
        )
        asked.add_argument(
            "--timeout",
            type=float,
            default=_PATIENCE,
            metavar="SECONDS",
            help=f"for which it is waited ({_PATIENCE:g})",
        )
    return parser
