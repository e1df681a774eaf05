"""Windows of the tests: one minute in which v1 answered 60 requests, 6 of them with errors."""

from typing import Any

from trellis.gateway.dashboard.window import (
    CACHE_HITS,
    CACHE_MISSES,
    CONFIDENCE,
    DURATION,
    JOBS,
    PREDICTIONS,
    REQUESTS,
    Point,
    Window,
)

V1 = ("leaf", "v1", "leaf-1")
V2 = ("leaf", "v2", "leaf-2")


def window(**changed: Any) -> Window:
    fields: dict[str, Any] = {
        "seconds": 60.0,
        "increases": {
            REQUESTS: {
                (*V1, "200"): 54.0,
                (*V1, "503"): 6.0,
                (*V2, "404"): 30.0,
                ("", "", "", "401"): 6.0,
            },
            DURATION: {(*V1, "0.1"): 30.0, (*V1, "0.2"): 60.0, (*V1, "+Inf"): 60.0},
            CACHE_HITS: {V1: 15.0},
            CACHE_MISSES: {V1: 45.0},
            JOBS: {("accepted",): 3.0},
            PREDICTIONS: {(*V1, "Early_blight"): 30.0, (*V1, "healthy"): 10.0},
            CONFIDENCE: {(*V1, "0.5"): 10.0, (*V1, "1.0"): 40.0, (*V1, "+Inf"): 40.0},
        },
        "traffic": {V1: (Point(1000.0, 1.0), Point(1003.0, 2.0)), ("", "", ""): ()},
        "latency": {V1: (Point(1000.0, 0.15),)},
    }
    return Window(**{**fields, **changed})


EMPTY = Window(60.0, {}, {}, {})
