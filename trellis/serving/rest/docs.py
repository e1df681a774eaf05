"""The OpenAPI document of a predictor process, with each model's own example in it."""

from functools import cached_property
from typing import Any

import orjson

from trellis import __version__
from trellis.contracts.model_yaml import ModelYaml
from trellis.serving.repository import Repository
from trellis.serving.rest.http import JSON
from trellis.web.api_page import api_page

_ERROR: dict[str, Any] = {
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_REQUEST_ERRORS = (400, 404, 413, 415, 422, 429, 503, 504)


class Docs:
    """Serves ``/docs`` and ``/openapi.json`` for the models of a repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def page(self, path: str) -> tuple[bytes, bytes] | None:
        """(body, content type) of a page of ours; ``None`` for another path."""
        if path == "/openapi.json":
            return self._document, JSON
        return api_page(path) if path.startswith("/docs") else None

    @cached_property
    def _document(self) -> bytes:
        return orjson.dumps(self.document())

    def document(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document."""
        paths: dict[str, Any] = {
            "/health": _get("Ready or not", 503),
            "/metrics": _get("Prometheus metrics"),
            "/v2": _get("Server metadata"),
            "/v2/health/live": _get("The process answers"),
            "/v2/health/ready": _get("Every model answers", 503),
            "/v2/models": _get("Names of all models"),
            "/v1/models": _get("Names of all models"),
            "/v2/repository/index": {"post": _index()},
        }
        for model, versions in self._repository.folders.items():
            described = versions[self._repository.defaults[model]].yaml
            paths |= _model_paths(model, described, list(versions))
        return {
            "openapi": "3.1.0",
            "info": {"title": "Trellis predictor", "version": __version__},
            "paths": paths,
            "components": {"schemas": _SCHEMAS},
        }


def _model_paths(model: str, described: ModelYaml, versions: list[str]) -> dict[str, Any]:
    example = described.examples[0].model_dump(mode="json")
    v2 = {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/InferRequest"},
            "example": {"inputs": example["inputs"]},
        }
    }
    v1: dict[str, Any] = {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/PredictRequest"},
            "example": {"instances": _instances(example["inputs"])},
        }
    }
    if described.inputs[0].content == "image":
        v1["multipart/form-data"] = {"schema": {"$ref": "#/components/schemas/Upload"}}
        for kind in ("image/jpeg", "image/png", "image/webp"):
            v1[kind] = {"schema": {"type": "string", "format": "binary"}}
    paths: dict[str, Any] = {
        f"/v2/models/{model}": _get("Metadata", 404, 503),
        f"/v2/models/{model}/ready": _get("Ready or not", 404, 503),
        f"/v2/models/{model}/examples": _get("Requests that it answers", 404, 503),
        f"/v2/models/{model}/infer": {"post": _post(described, v2, "InferResponse", versions)},
        f"/v1/models/{model}": _get("Ready or not", 404, 503),
        f"/v1/models/{model}:predict": {"post": _post(described, v1, "PredictResponse", versions)},
    }
    for version in versions:
        paths[f"/v2/models/{model}/versions/{version}"] = _get("Metadata", 404, 503)
        paths[f"/v2/models/{model}/versions/{version}/ready"] = _get("Ready or not", 404, 503)
    return paths


def _instances(inputs: list[dict[str, Any]]) -> list[Any]:
    """A V2 example's inputs as V1 has them: a list of rows, or of objects where inputs are several."""
    columns = {item["name"]: _nested(item["data"], item["shape"]) for item in inputs}
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _nested(data: list[Any], shape: list[int]) -> list[Any]:
    if len(shape) == 1 or isinstance(data[0], list):
        return list(data)
    width = len(data) // shape[0]
    return [_nested(data[i * width : (i + 1) * width], shape[1:]) for i in range(shape[0])]


def _get(summary: str, *errors: int) -> dict[str, Any]:
    return {"get": {"summary": summary, "responses": _responses({}, errors)}}


def _post(
    described: ModelYaml, content: dict[str, Any], answer: str, versions: list[str]
) -> dict[str, Any]:
    schema = {"application/json": {"schema": {"$ref": f"#/components/schemas/{answer}"}}}
    return {
        "summary": described.description or f"Predict with {described.name}",
        "parameters": [
            {
                "name": "model_version",
                "in": "query",
                "schema": {"type": "string", "enum": versions},
            },
            {"name": "fallback", "in": "query", "schema": {"type": "boolean"}},
        ],
        "requestBody": {"required": True, "content": content},
        "responses": _responses(schema, _REQUEST_ERRORS),
    }


def _index() -> dict[str, Any]:
    body = {"schema": {"type": "object", "properties": {"ready": {"type": "boolean"}}}}
    return {
        "summary": "Versions and their states",
        "requestBody": {"content": {"application/json": body}},
        "responses": _responses({}, (400, 413)),
    }


def _responses(content: dict[str, Any], errors: tuple[int, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "200": {"description": "OK"} | ({"content": content} if content else {})
    }
    return found | {str(status): _ERROR | {"description": f"error {status}"} for status in errors}


_TENSOR = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "parameters": {"type": "object"},
        "data": {"type": "array"},
    },
}
_SCHEMAS: dict[str, Any] = {
    "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
    "InferRequest": {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "inputs": {"type": "array", "items": _TENSOR},
            "outputs": {
                "type": "array",
                "items": {"type": "object", "properties": {"name": {"type": "string"}}},
            },
        },
    },
    "InferResponse": {
        "type": "object",
        "required": ["model_name", "model_version", "id", "outputs"],
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "outputs": {"type": "array", "items": _TENSOR},
        },
    },
    "PredictRequest": {
        "type": "object",
        "required": ["instances"],
        "properties": {"instances": {"type": "array"}, "model_version": {"type": "string"}},
    },
    "PredictResponse": {
        "type": "object",
        "required": ["predictions"],
        "properties": {"predictions": {"type": "array"}},
    },
    "Upload": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "model_version": {"type": "string"},
        },
    },
}
