"""``/openapi.json`` and ``/docs``: the gateway's own routes, described once, here."""

from functools import cached_property
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from trellis import __version__
from trellis.gateway.errors import NotFound
from trellis.gateway.jobs.api import (
    ACCEPTED,
    CALLBACKS,
    SUBMIT_PARAMETERS,
    job_paths,
    job_schemas,
)
from trellis.gateway.operators_api import operator_paths, operator_schemas
from trellis.web.api_page import api_page

_ERROR = {
    "description": "Refused; the sentence names the field, what came and what was expected",
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/Error"},
            "example": {"error": "unknown model 'tomatoe'; known are: diabetes, sentiment, tomato"},
        }
    },
}
_CLASSIFIED = {
    "label": "Tomato___Early_blight",
    "confidence": 0.93,
    "probabilities": {"Tomato___Early_blight": 0.93, "Tomato___healthy": 0.07},
    "request_id": "5f1c8a9e0b7d4c3f",
    "latency_ms": 4.2,
    "cache": "bypass",
}
_MODEL = {
    "name": "model",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "a model's name, see /models",
}
_VERSION_PARAMETERS = [
    {
        "name": "model_version",
        "in": "query",
        "schema": {"type": "string"},
        "description": "ask for one version; 404 where it is unknown",
    },
    {
        "name": "fallback",
        "in": "query",
        "schema": {"type": "boolean"},
        "description": "let another version answer where that one is unknown",
    },
]
_PREDICT_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "object"},
            "examples": {
                "sentence": {"value": {"text": "A lovely, bright little film"}},
                "numbers": {"value": {"features": [59, 2, 32.1, 101, 157, 93.2, 38, 4, 4.86, 87]}},
            },
        },
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        },
        "image/jpeg": {"schema": {"type": "string", "format": "binary"}},
        "image/png": {"schema": {"type": "string", "format": "binary"}},
        "image/webp": {"schema": {"type": "string", "format": "binary"}},
    },
}


def openapi_document() -> dict[str, Any]:
    """The OpenAPI 3.1 description of every route a client may use."""
    predict = {
        "requestBody": _PREDICT_BODY,
        "responses": ACCEPTED
        | _responses(
            (*_ACCESS, "400", "404", "408", "413", "415", "422", "502", "503", "504"),
            {"$ref": "#/components/schemas/Prediction"},
            _CLASSIFIED,
        ),
        "callbacks": CALLBACKS,
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Trellis gateway",
            "version": __version__,
            "description": "One front door for all models. Predictors' V1 and V2 protocols pass through unchanged; /predict is the short way.",
        },
        "paths": {
            "/predict": {
                "post": {
                    "summary": "Predict one thing with the default model",
                    "tags": ["people"],
                    "parameters": [*_VERSION_PARAMETERS, *SUBMIT_PARAMETERS],
                    **predict,
                }
            },
            "/predict/{model}": {
                "post": {
                    "summary": "Predict one thing",
                    "tags": ["people"],
                    "parameters": [_MODEL, *_VERSION_PARAMETERS, *SUBMIT_PARAMETERS],
                    **predict,
                }
            },
            **operator_paths(),
            **job_paths(),
            "/v2/models/{model}": {
                "get": {
                    **_get("V2 metadata of a model", "protocols", _PROXIED),
                    "parameters": [_MODEL],
                }
            },
            "/v2/models/{model}/ready": {
                "get": {
                    **_get("V2 readiness of a model", "protocols", _PROXIED),
                    "parameters": [_MODEL],
                }
            },
            "/v2/models/{model}/infer": {
                "post": _infer("V2 infer, JSON or with the binary extension", _V2_EXAMPLE),
            },
            "/v1/models/{model}:predict": {
                "post": _infer("V1 predict", {"instances": ["A lovely, bright little film"]}),
            },
            "/health": {"get": _get("Whether requests are welcome", "operation", ("503",))},
            "/v2/health/live": {"get": _get("V2: the process answers", "operation", ())},
            "/v2/health/ready": {"get": _get("V2: as /health", "operation", ("503",))},
        },
        "security": [{}, {"bearer": []}, {"apiKey": []}],
        "components": {
            "schemas": _SCHEMAS | operator_schemas() | job_schemas(),
            "securitySchemes": _SECURITY,
        },
    }


_ACCESS = ("401", "403", "429")
_PROXIED = (*_ACCESS, "400", "404", "405", "408", "413", "415", "422", "502", "503", "504")
_V2_EXAMPLE = {
    "inputs": [
        {
            "name": "text",
            "datatype": "BYTES",
            "shape": [1],
            "data": ["A lovely, bright little film"],
        }
    ]
}
#: Beside them stands an empty requirement: in open mode nobody needs either.
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an API key or an OIDC token"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "an API key"},
}
_SCHEMAS = {
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string"}},
    },
    "Prediction": {
        "type": "object",
        "description": "label, confidence and probabilities of a classifier; outputs of any other model",
        "required": ["request_id", "latency_ms", "cache"],
        "properties": {
            "label": {"type": "string"},
            "confidence": {"type": "number"},
            "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
            "outputs": {"type": "object"},
            "request_id": {"type": "string"},
            "latency_ms": {"type": "number"},
            "cache": {"enum": ["hit", "miss", "bypass"]},
        },
    },
}


def _responses(codes: tuple[str, ...], schema: dict[str, Any], example: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schema}
    if example is not None:
        content["example"] = example
    answer = {"description": "The answer", "content": {"application/json": content}}
    return {"200": answer, **dict.fromkeys(codes, _ERROR)}


def _get(summary: str, tag: str, codes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "summary": summary,
        "tags": [tag],
        "responses": _responses(codes, {"type": "object"}, None),
    }


def _infer(summary: str, example: Any) -> dict[str, Any]:
    return {
        "summary": summary,
        "tags": ["protocols"],
        "parameters": [_MODEL, *_VERSION_PARAMETERS, *SUBMIT_PARAMETERS],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}, "example": example}},
        },
        "responses": ACCEPTED | _responses(_PROXIED, {"type": "object"}, None),
        "callbacks": CALLBACKS,
    }


class ApiPages:
    """The endpoints; the document is built once, for who first asks: a start is not to wait for it."""

    @cached_property
    def _document(self) -> bytes:
        return orjson.dumps(openapi_document())

    async def document(self, _request: Request) -> Response:
        """The OpenAPI document."""
        return Response(self._document, media_type="application/json")

    async def page(self, request: Request) -> Response:
        """Swagger UI and its assets."""
        found = api_page(request.url.path)
        if found is None:
            raise NotFound(f"no such route: {request.url.path[:128]}")
        body, content_type = found
        return Response(body, headers={"content-type": content_type.decode()})
