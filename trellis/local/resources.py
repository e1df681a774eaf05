"""What a pod asks of its node: the InferenceService's own resources over those of its runtime."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from trellis.local.findings import Finding, Severity
from trellis.local.inference_service import InferenceService
from trellis.local.quantities import quantity
from trellis.local.runtimes import DEFAULT, RUNTIMES
from trellis.local.yaml_lines import FieldPath

_SILENT = "no pod would be made, and KServe says nothing"


@dataclass(frozen=True)
class Amount:
    """An amount as it is written, and the field that sets it or could."""

    field: FieldPath
    written: Any
    runtime: str | None = None  #: the runtime that sets it, where the manifest does not

    @property
    def quantity(self) -> Decimal:
        """In cores, bytes or devices."""
        return quantity(self.written)

    @property
    def by(self) -> str:
        """Who else than the manifest sets it, in brackets, to follow the amount."""
        return f" (by the runtime {self.runtime})" if self.runtime else ""


def asked_for(service: InferenceService) -> dict[str, Amount]:
    """What the scheduler looks for on a node: requests, and limits where there is no request."""
    return {**_amounts(service, "limits"), **_amounts(service, "requests")}


def resources(service: InferenceService) -> Iterator[Finding]:
    """The errors of one service."""
    limits = _amounts(service, "limits")
    for resource, asked in _amounts(service, "requests").items():
        yield from _over(service, resource, asked, limits.get(resource))
    for resource, limit in limits.items():
        if "/" in resource and limit.quantity != limit.quantity.to_integral_value():
            problem = f"is {limit.written}; expected a whole number of devices"
            yield service.finding(Severity.ERROR, limit.field, problem)


def _over(
    service: InferenceService, resource: str, asked: Amount, limit: Amount | None
) -> Iterator[Finding]:
    device = "/" in resource
    if device and (limit is None or asked.quantity != limit.quantity):
        bound = limit.written if limit else "missing"
        problem = f"is {asked.written} and the limit is {bound}: a device is never shared"
        yield service.finding(Severity.ERROR, asked.field, problem, "write the limit alone")
    elif limit is None or asked.quantity <= limit.quantity:
        return
    elif asked.runtime:
        problem = f"is {limit.written}, under the request {asked.written}{asked.by}: {_SILENT}"
        remedy = f"raise it, or lower requests.{resource} beside it"
        yield service.finding(Severity.ERROR, limit.field, problem, remedy)
    else:
        problem = f"is {asked.written}, over the limit {limit.written}{limit.by}: {_SILENT}"
        remedy = f"set limits.{resource} beside it" if limit.runtime else "raise the limit"
        yield service.finding(Severity.ERROR, asked.field, problem, remedy)


def _amounts(service: InferenceService, which: Literal["requests", "limits"]) -> dict[str, Amount]:
    root: FieldPath = (*service.main, "resources", which)
    own: dict[str, Any] = service.at(root) or {}
    name = _runtime_of(service)
    brought = getattr(RUNTIMES[name], which) if name in RUNTIMES else {}
    return {
        **{key: Amount((*root, key), amount, name) for key, amount in brought.items()},
        **{key: Amount((*root, key), amount) for key, amount in own.items()},
    }


def _runtime_of(service: InferenceService) -> str | None:
    """The runtime's name; a container of its own has none, another format another's."""
    if service.main[-1] != "model":
        return None
    model_format = service.at((*service.main, "modelFormat", "name"))
    named: str | None = service.at((*service.main, "runtime"))
    return named or (DEFAULT if model_format == DEFAULT else None)
