"""The OpenAPI of feedback, experiments, rollouts, models and the audit."""

from typing import Any

from pydantic.json_schema import models_json_schema

from trellis.contracts.control import Experiments, ModelState
from trellis.contracts.events import AuditEntry
from trellis.contracts.experiment import Experiment, ExperimentStatus
from trellis.contracts.rollout_status import RolloutView, RolloutViews

_REFUSED = {
    "description": "Refused, in a sentence",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_ALWAYS = ("401", "403", "429", "503")
_BODY = ("400", "408", "413", "415", "422")
_CONTROLLER = ("404", "504")
_EXPERIMENT = {
    "model": "sentiment",
    "arms": [{"version": "v1", "weight": 0.9}, {"version": "v2", "weight": 0.1}],
    "strategy": "hash",
    "enabled": True,
    "attributionWindow": 604800.0,
}
_OUTCOME = {
    "type": "object",
    "required": ["request_id"],
    "additionalProperties": False,
    "properties": {
        "request_id": {
            "type": "string",
            "pattern": "^[!-~]{1,128}$",
            "description": "the x-request-id of an answer",
        },
        "label": {"type": "string", "minLength": 1, "maxLength": 256},
        "score": {"type": "number", "minimum": -1e12, "maximum": 1e12},
        "conversion": {"type": "boolean"},
    },
    "oneOf": [{"required": [kind]} for kind in ("label", "score", "conversion")],
}
_TAKEN = {
    "type": "object",
    "description": "the outcome with the seconds since 1970 at which it was first taken; of a list, `results` with a `status` each",
}
_AUDIT = {
    "type": "object",
    "properties": {
        "entries": {"type": "array", "items": {"$ref": "#/components/schemas/AuditEntry"}}
    },
}


def operator_schemas() -> dict[str, Any]:
    """Component schemas by name."""
    contracts = (
        Experiment,
        Experiments,
        ExperimentStatus,
        RolloutView,
        RolloutViews,
        ModelState,
        AuditEntry,
    )
    _, document = models_json_schema(
        [(contract, "validation") for contract in contracts],
        by_alias=True,
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[str, Any] = document["$defs"]
    return {**schemas, "Outcome": _OUTCOME}


def operator_paths() -> dict[str, Any]:
    """Path items by path."""
    name = _in_path("name", "an experiment's name")
    version = [_in_path("model", "a model's name"), _in_path("version", "one of its versions")]
    if_match = {
        "name": "if-match",
        "in": "header",
        "schema": {"type": "string"},
        "description": "the ETag of what is to be replaced; 409 where it is no longer that",
    }
    limit = {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
    }
    change = {"tags": ["operation"], "parameters": version}
    changed = _answers(_ref("ModelState"), (*_ALWAYS, *_CONTROLLER, "409"), "202")
    return {
        "/feedback": {
            "post": {
                "summary": "What came of a request: a label, a score or a conversion, alone or in a list",
                "tags": ["people"],
                "requestBody": _json_body(
                    {
                        "anyOf": [
                            _ref("Outcome"),
                            {
                                "type": "array",
                                "items": _ref("Outcome"),
                                "minItems": 1,
                                "maxItems": 500,
                            },
                        ]
                    },
                    {"request_id": "e3145925608f24a69b100f4dbe8abcc1", "conversion": True},
                ),
                "responses": _answers(_TAKEN, (*_ALWAYS, *_BODY, "404", "409")),
            }
        },
        "/experiments": {
            "get": _get("Every experiment", _ref("Experiments"), (*_ALWAYS, "504")),
        },
        "/experiments/{name}": {
            "get": {
                **_get("One experiment", _ref("Experiment"), (*_ALWAYS, *_CONTROLLER)),
                "parameters": [name],
            },
            "put": {
                "summary": "Set an experiment; 409 names the manager where another owns it",
                "tags": ["operation"],
                "parameters": [name, if_match],
                "requestBody": _json_body(_ref("Experiment"), _EXPERIMENT),
                "responses": _answers(_ref("Experiment"), (*_ALWAYS, *_BODY, *_CONTROLLER, "409")),
            },
        },
        "/experiments/{name}/status": {
            "get": {
                **_get(
                    "What each arm of an experiment met so far",
                    _ref("ExperimentStatus"),
                    (*_ALWAYS, "404"),
                ),
                "parameters": [name],
            },
        },
        "/rollouts": {
            "get": _get(
                "Every rollout: where it is and why, without its trace",
                _ref("RolloutViews"),
                (*_ALWAYS, "504"),
            ),
        },
        "/rollouts/{name}": {
            "get": {
                **_get(
                    "One rollout, with each guardrail's evidence over time",
                    _ref("RolloutView"),
                    (*_ALWAYS, *_CONTROLLER),
                ),
                "parameters": [_in_path("name", "a rollout's name")],
            },
        },
        "/models": {
            "get": {
                **_get(
                    "Models and the kind of input each takes; for operators their versions",
                    {"type": "object"},
                    _ALWAYS,
                ),
                "tags": ["people"],
            }
        },
        "/models/{model}/versions/{version}:activate": {
            "post": {"summary": "All traffic to a version", **change, "responses": changed}
        },
        "/models/{model}/versions/{version}:rollback": {
            "post": {"summary": "No traffic to a version", **change, "responses": changed}
        },
        "/audit": {
            "get": {
                **_get("Who changed what, the newest first", _AUDIT, (*_ALWAYS, "422")),
                "parameters": [limit],
            }
        },
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _in_path(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "description": description,
    }


def _json_body(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {
        "required": True,
        "content": {"application/json": {"schema": schema, "example": example}},
    }


def _answers(
    schema: dict[str, Any], refusals: tuple[str, ...], status: str = "200"
) -> dict[str, Any]:
    answer = {"description": "The answer", "content": {"application/json": {"schema": schema}}}
    return {status: answer, **dict.fromkeys(refusals, _REFUSED)}


def _get(summary: str, schema: dict[str, Any], refusals: tuple[str, ...]) -> dict[str, Any]:
    return {"summary": summary, "tags": ["operation"], "responses": _answers(schema, refusals)}
