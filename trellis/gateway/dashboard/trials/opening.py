"""Makes the pages of rollouts and experiments from a process's parts."""

from starlette.routing import Route

from trellis.gateway.dashboard.page import DashboardPage
from trellis.gateway.dashboard.trials.actions import TrialActions
from trellis.gateway.dashboard.trials.looks import TrialLooker
from trellis.gateway.dashboard.trials.page import TrialPages
from trellis.gateway.dashboard.trials.pictures import TrialPictures
from trellis.gateway.dashboard.trials.subjects import Subjects
from trellis.gateway.dashboard.visitor_gate import DashboardGate
from trellis.gateway.events.audit import Audit
from trellis.gateway.parts import Parts


def trial_routes(
    parts: Parts, gate: DashboardGate, dashboard: DashboardPage, audit: Audit
) -> list[Route]:
    """All of them."""
    subjects = Subjects(TrialLooker(parts.controller, parts.holder, parts.events))
    pages = TrialPages(subjects, gate, dashboard, set_up=parts.controller.set_up)
    actions = TrialActions(pages, subjects, gate, parts.controller, audit)
    return [*pages.routes(), *TrialPictures(subjects, gate).routes(), *actions.routes()]
