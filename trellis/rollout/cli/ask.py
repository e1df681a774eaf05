"""``trellis rollout pause|resume|skip|promote|abort|retry``: ask, and wait until it is done or refused."""

import asyncio
import getpass
import time
import uuid
from typing import NamedTuple

from trellis.contracts.rollout_status import Command, HistoryEntry, RolloutView
from trellis.rollout.cli.output import complain, say, tell
from trellis.rollout.cli.places import Place, PlaceError
from trellis.rollout.cli.remembered import remembered

_SECONDS = 0.25

#: What each does, for ``--help``.
DOES = {
    "pause": "hold at the present weight; harm still rolls back",
    "resume": "go on; after a weight set by hand or a passed deadline too",
    "skip": "go to the next step now",
    "promote": "all traffic to the version on trial now",
    "abort": "take its traffic; after a promotion one step back",
    "retry": "try a version again that was rolled back",
}
#: These two do no harm to whichever version is on trial; the others are meant for the one seen.
_ANY_VERSION = {"pause", "resume"}


class Answer(NamedTuple):
    """What became of a command: why it was refused, or what it did."""

    refused: bool
    message: str


async def ask(place: Place, name: str, do: str, version: str | None, patience: float) -> int:
    """0 where it was carried out, 1 where it was refused or not taken up in ``patience`` seconds."""
    before = await place.rollout(name)
    remembered(before)  # nothing is asked for whose answer could not be read
    command = Command.model_validate(
        {
            "id": uuid.uuid4().hex,
            "do": do,
            "actor": actor(),
            "version": _meant(before, do, version),
        }
    )
    await place.ask(name, command)
    tell(f"{name}: asked to {do}; its controller carries it out")
    answered, answer = await _answer(place, before, command, patience)
    if answer.refused:
        return complain(f"{name}: {do} was refused: {answer.message}", 1)
    say(f"{name}: {answer.message or do}")
    say(f"{answered.status.phase}: {answered.status.message}")
    return 0


def actor() -> str:
    """Who asks, as far as this machine knows; plain enough for a header."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # an account without a name
        name = "somebody"
    return "".join(letter for letter in name if letter.isascii() and letter.isprintable())[:64]


def _meant(view: RolloutView, do: str, version: str | None) -> str:
    side = view.status.canary or view.status.stable
    if version is not None or do in _ANY_VERSION or side is None:
        return version or ""
    return side.version


async def _answer(
    place: Place, before: RolloutView, command: Command, patience: float
) -> tuple[RolloutView, Answer]:
    end = time.monotonic() + patience
    said = before.status.message
    while True:
        view = await place.rollout(before.name)
        if command.id in remembered(view).carried_out:
            return view, answer_in(before, view, command)
        if view.status.message != said:
            said = view.status.message
            tell(f"{before.name}: {said}")
        if time.monotonic() > end:
            raise PlaceError(
                f"no controller has taken it up within {patience:g} s; "
                f"{command.do} stays asked for and is carried out once one runs"
            )
        await asyncio.sleep(_SECONDS)


def answer_in(before: RolloutView, after: RolloutView, command: Command) -> Answer:
    """The line of the history that answers the command, among those that came since ``before``."""
    number = remembered(after).recorded - remembered(before).recorded
    new = after.status.history[-number:] if number > 0 else ()
    mine = [entry for entry in new if entry.actor == command.actor]
    refusal = f"{command.do}: "
    for entry in mine:
        if entry.what == "refused" and entry.message.startswith(refusal):
            return Answer(refused=True, message=entry.message.removeprefix(refusal))
    done: HistoryEntry | None = next((entry for entry in mine if entry.what != "refused"), None)
    return Answer(refused=False, message=done.message if done else "")
