"""The routes of feedback, experiments, rollouts, models and the audit, wired from a process's parts."""

from starlette.routing import Route

from trellis.gateway.catalogue import Catalogue
from trellis.gateway.events.audit import Audit
from trellis.gateway.events.feedback import Feedback
from trellis.gateway.experiments import ExperimentRoutes
from trellis.gateway.models import ModelRoutes
from trellis.gateway.parts import Parts
from trellis.gateway.revisions import Predictors
from trellis.gateway.rollouts import RolloutRoutes


def operator_routes(parts: Parts, catalogue: Catalogue) -> list[Route]:
    """All of them."""
    audit = Audit(parts.events, parts.access)
    feedback = Feedback(parts.events, parts.exposures, parts.access, parts.metrics)
    experiments = ExperimentRoutes(
        parts.controller, parts.holder, parts.events, parts.access, audit
    )
    models = ModelRoutes(
        parts.holder,
        catalogue,
        Predictors(parts.upstream),
        parts.controller,
        parts.access,
        audit,
    )
    rollouts = RolloutRoutes(parts.controller, parts.access)
    return [
        *feedback.routes(),
        *experiments.routes(),
        *rollouts.routes(),
        *models.routes(),
        *audit.routes(),
    ]
