"""Makes the dashboard from a process's parts."""

import aiohttp
from starlette.routing import Route

from trellis.gateway.controller_client import ControllerClient
from trellis.gateway.dashboard.actions import DashboardActions
from trellis.gateway.dashboard.local_source import LocalSource
from trellis.gateway.dashboard.page import DashboardPage
from trellis.gateway.dashboard.prometheus_source import PrometheusSource
from trellis.gateway.dashboard.sampler import Sampler
from trellis.gateway.dashboard.session import Sessions
from trellis.gateway.dashboard.snapshot import Looker
from trellis.gateway.dashboard.source import Source
from trellis.gateway.dashboard.trials.opening import trial_routes
from trellis.gateway.dashboard.visitor_gate import DashboardGate
from trellis.gateway.errors import GatewayError
from trellis.gateway.events.audit import Audit
from trellis.gateway.parts import Parts
from trellis.gateway.settings import Settings

#: Seconds between two looks where there are no figures, but models and jobs still.
WITHOUT_FIGURES_SECONDS = 5.0


def dashboard_routes(parts: Parts) -> list[Route]:
    """All routes of ``/dashboard``."""
    settings = parts.settings
    source = dashboard_source(settings, parts.session, parts.controller)
    looker = Looker(parts.holder, source, parts.controller, parts.events, parts.jobs)
    sampler = Sampler(looker.look, source.every if source else WITHOUT_FIGURES_SECONDS)
    sessions = Sessions(settings.cookie_secret.get_secret_value())
    gate = DashboardGate(parts.access, sessions)
    page = DashboardPage(
        sampler,
        gate,
        parts.holder,
        words=source.words if source else "",
        can_move=parts.controller.set_up,
        asks_for_keys=settings.auth == "keys",
    )
    audit = Audit(parts.events, parts.access)
    actions = DashboardActions(page, sampler, gate, sessions, parts.controller, parts.jobs, audit)
    return [
        *page.routes(),
        *actions.routes(),
        *trial_routes(parts, gate, page, audit),
    ]


def dashboard_source(
    settings: Settings, session: aiohttp.ClientSession, controller: ControllerClient
) -> Source | None:
    """The source that the settings choose; None for no figures."""
    chosen = settings.dashboard_source
    if chosen == "none":
        return None
    if settings.prometheus_url is not None and chosen != "local":
        return PrometheusSource(session, settings.prometheus_url, settings.prometheus_namespace)
    workers = tuple(filter(None, settings.dashboard_workers.split(",")))

    async def pages() -> list[str]:
        """The predictors' pages that the controller says are ours to read."""
        if not controller.set_up:
            return []
        try:
            states = await controller.models()
        except GatewayError:  # the models' panel says so
            return []
        urls = (revision.url for model in states.models for revision in model.revisions)
        return sorted({url for url in urls if url})

    return LocalSource(session, pages, workers)
