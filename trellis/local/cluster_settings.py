"""What a cluster has to be set to before a Rollout can move its traffic."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from trellis.local import gitops_keys
from trellis.local.findings import Finding, Severity
from trellis.local.kubectl_lists import items

COMMAND = "kubectl get configmaps -A -o json"
_OBSERVABILITY = ("knative-serving", "config-observability")
_PROTOCOL = "request-metrics-protocol"
_KSERVE = "inferenceservice-config"
_LISTS = (
    ("serviceLabelDisallowedList", gitops_keys.LABELS),
    ("serviceAnnotationDisallowedList", gitops_keys.ANNOTATIONS),
)


class BadSettings(ValueError):
    """The file is not what ``COMMAND`` writes."""


@dataclass(frozen=True)
class ClusterSettings:
    """Data of the ConfigMaps that matter; None where the cluster has no such one."""

    file: Path
    observability: dict[str, str] | None
    services: dict[str, Any] | None  #: KServe's own for InferenceServices


def read_settings(path: Path) -> ClusterSettings:
    """The settings of a file, or of standard input where it is ``-``.

    Raises ``BadSettings``, naming what is wrong, and ``OSError`` where it cannot be read.
    """
    found = items(path, COMMAND, BadSettings)
    try:
        data = {
            (item["metadata"]["namespace"], item["metadata"]["name"]): item.get("data") or {}
            for item in found
        }
        kserve = [held for (_, name), held in data.items() if name == _KSERVE]
        services = orjson.loads(kserve[0].get("inferenceService") or "{}") if kserve else None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        said = f"expected what `{COMMAND}` writes"
        raise BadSettings(
            f"{path} holds an item that is no ConfigMap ({error!r}); {said}"
        ) from error
    shown = Path("<stdin>") if str(path) == "-" else path
    return ClusterSettings(shown, data.get(_OBSERVABILITY), services)


def cluster_findings(settings: ClusterSettings) -> Iterator[Finding]:
    """What a Rollout would lack, or be misled by."""
    if settings.observability is None:
        yield _finding(settings, ".".join(_OBSERVABILITY), "is missing", "install Knative Serving")
    elif (came := settings.observability.get(_PROTOCOL, "none")) != "prometheus":
        yield _finding(
            settings,
            f"config-observability.{_PROTOCOL}",
            f"is {came}: queue-proxy counts no requests, and a Rollout has no evidence of errors"
            " or latency but what the failing process itself says",
            "kubectl -n knative-serving patch configmap config-observability --type=merge"
            f' -p \'{{"data": {{"{_PROTOCOL}": "prometheus"}}}}\'',
        )
    if settings.services is None:
        yield _finding(settings, _KSERVE, "is missing", "install KServe")
        return
    for name, keys in _LISTS:
        listed = settings.services.get(name) or []
        if missing := [key for key in keys if key not in listed]:
            yield _finding(
                settings,
                f"{_KSERVE}.inferenceService.{name}",
                f"lacks {', '.join(missing)}: where a tool sets one on an InferenceService, a new"
                " revision starts without a new version",
                "add those of the tools in use",
                Severity.NOTE,
            )


def _finding(
    settings: ClusterSettings,
    field: str,
    problem: str,
    remedy: str,
    severity: Severity = Severity.ERROR,
) -> Finding:
    return Finding(severity, settings.file, 1, field, problem, remedy)
