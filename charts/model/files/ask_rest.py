"""Asks a predictor whether it is ready and sends it its own first example; only Python is needed.

usage: ask_rest.py [--timeout=SECONDS] MODEL=HOST[:PORT]...
"""

import json
import sys
import urllib.error
import urllib.request
from typing import Any


def call(url: str, timeout: float, body: Any = None) -> tuple[Any, str]:
    """The JSON that ``url`` answers and the version that did. Raises ``OSError`` where it does
    not answer 2xx within ``timeout`` seconds.
    """
    request = urllib.request.Request(  # noqa: S310 - the chart writes the address: http
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - as above
        return json.load(answer), answer.headers.get("x-model-version", "unknown")


def ask(model: str, host: str, timeout: float) -> str:
    """One line on what the model at ``host`` answered. Raises ``ValueError`` in words where that is
    no prediction, ``OSError`` where there is no answer.
    """
    url = f"http://{host}"
    ready, _ = call(f"{url}/v2/health/ready", timeout)
    if ready.get("ready") is not True:
        raise ValueError(f"is not ready: {ready}")
    examples, _ = call(f"{url}/v2/models/{model}/examples", timeout)
    if not examples["examples"]:
        raise ValueError("publishes no example to ask it with")
    example = examples["examples"][0]
    answer, version = call(f"{url}/v2/models/{model}/infer", timeout, {"inputs": example["inputs"]})
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    if not outputs or not all(outputs.values()):
        raise ValueError(f"answered without outputs: {answer}")
    shown = outputs.get("label") or next(iter(outputs.values()))
    return f"{model}: version {version} answers {example['title']!r} with {shown}"


def main(arguments: list[str]) -> int:
    """Ask all that the arguments name; returns the exit code."""
    timeout, failed = 60.0, False
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name == "--timeout":
            timeout = float(value)
            continue
        try:
            print(ask(name, value, timeout))
        except urllib.error.HTTPError as error:
            print(f"{name}: {error.url} answered {error.code}: {error.read(500)!r}")
            failed = True
        except (OSError, ValueError, KeyError) as error:
            print(f"{name}: {value}: {error!r}")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
