"""The OpenAPI of jobs: their routes, and what makes an inference one."""

from typing import Any, get_args

from trellis.gateway.jobs.administration import LISTED, MOST_LISTED
from trellis.gateway.jobs.answer import LONGEST_WAIT
from trellis.gateway.jobs.types import JobState

_REFUSED = {
    "description": "Refused, in a sentence",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_ALWAYS = ("401", "403", "429", "503")
_ID = "5f3c1e0a-0b5d8e2f4a6c7b9d1e3f5a70"
_MOMENT = {"type": ["string", "null"], "format": "date-time"}
_TEXT = {"type": ["string", "null"]}
_PROPERTIES: dict[str, Any] = {
    "id": {"type": "string"},
    "state": {"enum": list(get_args(JobState))},
    "model": {"type": "string"},
    "created_at": _MOMENT,
    "started_at": _MOMENT,
    "finished_at": _MOMENT,
    "attempts": {"type": "integer"},
    "request_id": {**_TEXT, "description": "what feedback is joined by"},
    "status": {"type": ["integer", "null"], "description": "HTTP status of the answer"},
    "error": {**_TEXT, "description": "what went wrong last, also between attempts"},
    "result": {"description": "the answer where it is JSON and not too large"},
    "location": {"type": "string"},
    "result_location": {**_TEXT, "description": "where the whole answer is, headers too"},
}
_JOB = {
    "type": "object",
    "required": ["id", "state", "model", "location"],
    "properties": _PROPERTIES,
}
_ACCEPTED = {
    "type": "object",
    "required": ["id", "state", "location"],
    "properties": {name: _PROPERTIES[name] for name in ("id", "state", "location")},
}
_EVENT = {
    "type": "object",
    "description": "CloudEvents 1.0, signed as Standard Webhooks are (webhook-id, webhook-timestamp, webhook-signature)",
    "required": ["specversion", "type", "source", "id", "subject", "time", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "type": {"const": "dev.trellis.job.finished"},
        "source": {"const": "/jobs"},
        "id": {"type": "string"},
        "subject": {"type": "string", "description": "the job's id"},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "data": {"$ref": "#/components/schemas/Job"},
    },
}

#: Headers with which an inference becomes a job.
SUBMIT_PARAMETERS = [
    {
        "name": "prefer",
        "in": "header",
        "schema": {"enum": ["respond-async"]},
        "description": "answer 202 at once with a job's address",
    },
    {
        "name": "idempotency-key",
        "in": "header",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        "description": "with respond-async: the same key and request are the same job",
    },
    {
        "name": "x-callback-url",
        "in": "header",
        "schema": {"type": "string", "format": "uri"},
        "description": "with respond-async: where the job's end is told to",
    },
]
#: The answer to such an inference.
ACCEPTED = {
    "202": {
        "description": "Accepted as a job; its address is in `location`",
        "headers": {"location": {"schema": {"type": "string"}}},
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Accepted"}}},
    }
}
#: What is sent to ``x-callback-url``.
CALLBACKS = {
    "finished": {
        "{$request.header.x-callback-url}": {
            "post": {
                "summary": "The job is over",
                "requestBody": {
                    "content": {
                        "application/cloudevents+json": {
                            "schema": {"$ref": "#/components/schemas/JobFinished"}
                        }
                    }
                },
                "responses": {
                    "2XX": {"description": "Taken"},
                    "410": {"description": "Not wanted; it is not sent again"},
                    "default": {"description": "Sent again, for some hours"},
                },
            }
        }
    }
}


def job_schemas() -> dict[str, Any]:
    """Component schemas by name."""
    return {"Job": _JOB, "Accepted": _ACCEPTED, "JobFinished": _EVENT}


def job_paths() -> dict[str, Any]:
    """Path items by path."""
    job = {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "description": "a job's id",
        "example": _ID,
    }
    wait = {
        "name": "prefer",
        "in": "header",
        "schema": {"type": "string", "pattern": "^wait=[0-9]{1,2}$"},
        "description": f"wait=N: answer once the job is over, or after N seconds (at most {LONGEST_WAIT})",
    }
    state = {"name": "state", "in": "query", "schema": {"enum": list(get_args(JobState))}}
    bounds = {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED}
    listed = {
        "type": "object",
        "properties": {"jobs": {"type": "array", "items": {"$ref": "#/components/schemas/Job"}}},
    }
    return {
        "/jobs": {
            "get": {
                "summary": "The newest jobs, for admins",
                "parameters": [state, {"name": "limit", "in": "query", "schema": bounds}],
                **_answered("200", ("422",), listed),
            }
        },
        "/jobs/{id}": {
            "get": {
                "summary": "How a job stands",
                "parameters": [job, wait],
                **_answered("200", ("404",)),
            },
            "delete": {
                "summary": "End a job that is not over; in either case, how it stands",
                "parameters": [job],
                **_answered("200", ("404",)),
            },
        },
        "/jobs/{id}/result": {
            "get": {
                "summary": "A job's answer with its own status and headers; 202 with the job until it is there",
                "parameters": [job, wait],
                "tags": ["jobs"],
                "responses": {
                    "200": {"description": "The model's answer"},
                    **ACCEPTED,
                    "default": _REFUSED,
                },
            }
        },
        "/jobs/{id}:replay": {
            "post": {
                "summary": "Queue a dead job again, for admins",
                "parameters": [job],
                **_answered("202", ("404", "422")),
            }
        },
    }


def _answered(
    status: str, refusals: tuple[str, ...], schema: dict[str, Any] | None = None
) -> dict[str, Any]:
    told = schema or {"$ref": "#/components/schemas/Job"}
    answer = {"description": "The answer", "content": {"application/json": {"schema": told}}}
    responses = {status: answer, **dict.fromkeys((*_ALWAYS, *refusals), _REFUSED)}
    return {"tags": ["jobs"], "responses": responses}
