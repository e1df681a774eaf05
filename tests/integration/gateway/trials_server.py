"""The controller's own HTTP before a control that keeps rollouts and experiments in memory.

``/told`` lists the commands. Of rollouts there are ``tomato``, on trial, and ``leaf``, rolled back, which
tests only look at; and one for each test that asks something. Of experiments there are ``colours``, with
evidence, and ``shapes``, without.
"""

import argparse
import asyncio
import json
import time

from aiohttp import web

from tests.unit.gateway.dashboard.trials.samples import experiment, rollout
from trellis.contracts.control import Experiments, ModelState, ModelStates
from trellis.contracts.experiment import Experiment
from trellis.contracts.experiment_resource import ExperimentView
from trellis.contracts.rollout_status import (
    Command,
    HistoryEntry,
    Phase,
    RolloutView,
    RolloutViews,
)
from trellis.rollout.http.asked import Refused
from trellis.rollout.http.server import ControlServer
from trellis.rollout.http.tables import TableServer

TOKEN = "a token of the tests' own"
#: What a command leads to here; skip is refused, as a rollout refuses what it cannot do.
_PHASES: dict[str, Phase] = {
    "pause": "Paused",
    "resume": "Progressing",
    "promote": "Promoting",
    "abort": "RollingBack",
    "retry": "Waiting",
}


class Kept:
    """Carries commands out at once."""

    def __init__(self) -> None:
        failed = "v2 was rolled back: errors: canary 30 of 3,000 requests, stable 4 of 57,000"
        self.views = {
            "tomato": rollout(),
            "leaf": rollout(
                "leaf", "leaf", harm=True, phase="RolledBack", step=0, weight=0, message=failed
            ),
        }
        for name in ("chard", "chive", "cress", "kale"):
            self.views[name] = rollout(name, name)
        self.views["leek"] = self.views["leaf"].model_copy(update={"name": "leek"})
        self.told: list[dict[str, str]] = []

    async def models(self) -> ModelStates:
        return ModelStates()

    async def activate(self, model: str, version: str) -> ModelState:
        raise Refused(404, f"unknown model {model!r}")

    async def rollback(self, model: str, version: str) -> ModelState:
        raise Refused(404, f"unknown model {model!r}")

    async def experiments(self) -> Experiments:
        arms = [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}]
        on = {
            name: Experiment.model_validate({"model": model, "arms": arms})
            for name, model in (("colours", "tomato"), ("shapes", "chive"))
        }
        return Experiments(experiments=on)

    async def experiment(self, name: str) -> Experiment:
        known = (await self.experiments()).experiments
        if name not in known:
            raise Refused(404, f"unknown experiment {name!r}; known are: {', '.join(known)}")
        return known[name]

    async def put_experiment(self, name: str, experiment: Experiment) -> Experiment:
        raise Refused(409, f"experiment {name!r} is managed by 'argocd'; change it in git")

    async def evidence(self, name: str) -> ExperimentView:
        await self.experiment(name)
        if name != "colours":
            raise Refused(404, f"no evidence is gathered of {name!r}: a local run only counts")
        return experiment()

    async def rollouts(self) -> RolloutViews:
        return RolloutViews(rollouts=tuple(self.views.values()))

    async def rollout(self, name: str) -> RolloutView:
        if name not in self.views:
            raise Refused(404, f"unknown rollout {name!r}; known are: {', '.join(self.views)}")
        return self.views[name]

    async def command(self, name: str, command: Command) -> RolloutView:
        before = await self.rollout(name)
        if command.do == "skip":
            raise Refused(409, f"rollout {name} has changed just now: ask again")
        known = {told["id"] for told in self.told}
        self.told.append({"rollout": name, **command.model_dump()})
        if command.id not in known:
            entry = HistoryEntry(
                time=time.time(),
                what="paused" if command.do == "pause" else "resumed",
                version=command.version,
                message=f"{command.do} was asked for",
                actor=command.actor,
            )
            changes = {
                "phase": _PHASES[command.do],
                "message": f"{command.version} is held",
                "history": (*before.status.history, entry),
            }
            status = before.status.model_copy(update=changes)
            self.views[name] = before.model_copy(update={"status": status})
        return before


async def serve(port: int, told_port: int) -> None:
    kept = Kept()
    server = ControlServer(TableServer(), kept, TOKEN, lambda _sentence: None)
    await server.start("127.0.0.1", port)

    async def told(_request: web.Request) -> web.Response:
        return web.Response(text=json.dumps(kept.told), content_type="application/json")

    beside = web.Application()
    beside.router.add_get("/told", told)
    runner = web.AppRunner(beside, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", told_port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--told-port", type=int, required=True)
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.told_port))
