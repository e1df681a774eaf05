"""The CustomResourceDefinitions, as ``make generate`` writes them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from trellis.rollout.crds import rules
from trellis.rollout.crds.rules import Rule
from trellis.rollout.crds.structural import Schema, structural
from trellis.rollout.resources import (
    EXPERIMENTS,
    GROUP,
    LONGEST_NAME,
    ROLLOUTS,
    VERSION,
    ResourceKind,
)

_HEAD = "# Written by make generate from trellis/contracts and trellis/rollout/crds.\n"

#: Where the rules stand, by the path below ``spec``; ``[]`` is each item of a list.
_RULES: Mapping[str, Mapping[str, Sequence[Rule]]] = {
    ROLLOUTS.kind: {
        "": rules.ROLLOUT,
        "guardrails[]": rules.GUARDRAIL,
        "guardrails[].margin": rules.MARGIN,
    },
    EXPERIMENTS.kind: {
        "": rules.EXPERIMENT,
        "goal": rules.GOAL,
        "guardrails[]": rules.GUARDRAIL,
        "guardrails[].margin": rules.MARGIN,
    },
}

#: Name, type and path of what `kubectl get` shows.
_COLUMNS: Mapping[str, Sequence[tuple[str, str, str]]] = {
    ROLLOUTS.kind: (
        ("Service", "string", ".spec.inferenceService"),
        ("Phase", "string", ".status.phase"),
        ("Weight", "integer", ".status.weight"),
        ("Step", "integer", ".status.step"),
        ("Version", "string", ".status.canary.version"),
        ("Message", "string", ".status.message"),
        ("Age", "date", ".metadata.creationTimestamp"),
    ),
    EXPERIMENTS.kind: (
        ("Model", "string", ".spec.model"),
        ("Phase", "string", ".status.phase"),
        ("Winner", "string", ".status.winner"),
        ("Exposures", "integer", ".status.exposures"),
        ("Message", "string", ".status.message"),
        ("Age", "date", ".metadata.creationTimestamp"),
    ),
}

_DESCRIPTIONS = {
    ROLLOUTS.kind: "Moves the traffic of an InferenceService to its new version on evidence.",
    EXPERIMENTS.kind: "Compares versions of a model on the units that a gateway assigns to them.",
}


def definition(kind: ResourceKind) -> dict[str, Any]:
    """The CustomResourceDefinition of ``kind``."""
    spec = structural(kind.spec, defaults=True)
    for path, found in _RULES[kind.kind].items():
        _at(spec, path)["x-kubernetes-validations"] = list(_written(found))
    status = structural(kind.status, defaults=False)
    status["properties"]["conditions"] |= {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.name, "labels": {"app.kubernetes.io/part-of": "trellis"}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "shortNames": list(kind.short_names),
                "categories": ["trellis"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _whole(kind, spec, status)},
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": name, "type": type_, "jsonPath": path}
                        for name, type_, path in _COLUMNS[kind.kind]
                    ],
                }
            ],
        },
    }


def text(kind: ResourceKind) -> str:
    """The file of ``kind``'s definition."""
    return _HEAD + yaml.safe_dump(definition(kind), sort_keys=False, width=100, allow_unicode=True)


def _whole(kind: ResourceKind, spec: Schema, status: Schema) -> Schema:
    return {
        "description": _DESCRIPTIONS[kind.kind],
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": _metadata(kind),
            "spec": spec,
            "status": status,
        },
    }


def _metadata(kind: ResourceKind) -> Schema:
    """Kubernetes knows it by itself; only bounds of a name may be told, and only narrower ones."""
    if kind.longest_name >= LONGEST_NAME:
        return {"type": "object"}
    name = {"type": "string", "maxLength": kind.longest_name}
    return {"type": "object", "properties": {"name": name}}


def _at(schema: Schema, path: str) -> Schema:
    for name in path.split(".") if path else ():
        schema = schema["properties"][name.removesuffix("[]")]
        if name.endswith("[]"):
            schema = schema["items"]
    return schema


def _written(found: Sequence[Rule]) -> Iterator[dict[str, str]]:
    for rule in found:
        written = {"rule": rule.rule, "messageExpression": rule.message}
        yield written | ({"fieldPath": rule.field} if rule.field else {})
