"""What the controller says over HTTP beside the routing table, and what it takes.

====== ========================================= ============================================
GET    ``/routing-table``                        ``RoutingTable``; ETag, ``Prefer: wait=N``
GET    ``/models``                               ``ModelStates``
POST   ``/models/{m}/versions/{v}:activate``     all traffic to it; 202 ``ModelState``
POST   ``/models/{m}/versions/{v}:rollback``     it gets none; 202 ``ModelState``
GET    ``/experiments``                          ``Experiments``
GET    ``/experiments/{name}``                   ``Experiment`` with an ETag
PUT    ``/experiments/{name}``                   ``Experiment`` (``If-Match`` where given)
GET    ``/experiments/{name}/evidence``          ``ExperimentView``
GET    ``/rollouts``                             ``RolloutViews``, each without its ``trace``
GET    ``/rollouts/{name}``                      ``RolloutView``
POST   ``/rollouts/{name}:command``              ``Command``; 202 ``RolloutView``
====== ========================================= ============================================

Errors are ``{"error": "..."}``: 404, 409 where another manager owns it or the ETag is old, 422.
``authorization: Bearer`` carries the token that both were given; ``x-trellis-actor`` says on
whose behalf, for the audit line.
"""

from typing import Literal

from pydantic import Field

from trellis.contracts.experiment import Experiment
from trellis.contracts.routing_table import WireDocument
from trellis.contracts.tensors import Name


class RevisionState(WireDocument):
    """One revision of a model."""

    version: str
    revision: str
    role: Literal["stable", "canary", "arm", "none"] = "none"
    weight: float = Field(0.0, ge=0, le=1, description="share of traffic")
    ready: bool
    reason: str = Field("", description="why it is not ready, in words")
    url: str = Field("", description="where its own metrics are read; empty where it is not for us")


class ModelState(WireDocument):
    """A model and its revisions, the newest last."""

    name: Name
    revisions: tuple[RevisionState, ...] = ()


class ModelStates(WireDocument):
    """All models."""

    models: tuple[ModelState, ...] = ()


class Experiments(WireDocument):
    """All experiments, by name."""

    experiments: dict[str, Experiment] = {}


class ControllerAddress(WireDocument):
    """How a person's commands reach the controller of a local run, which leaves it in its folder."""

    url: str
    token: str = Field(repr=False)
