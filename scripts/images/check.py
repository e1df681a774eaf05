"""Runs an image as a restricted pod would, without any network, and asks it something."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from scripts.images.docker import docker, logs
from scripts.images.targets import ROOT, Sample, Target

READY_WITHIN = 90.0
#: What the checked controller is asked with.
TOKEN = "of-the-check-alone"  # noqa: S105 - it guards nothing else

#: What Pod Security "restricted" and our manifests ask of a container.
RESTRICTED = (
    "--user=65532:65532",
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--network=none",
    "--memory=1g",
)

#: Run inside the image: prints what it promises not to have, and has.
PROMISES = """
import importlib.util, os, shutil
found = [f"the module {name}" for name in ("pip", "ensurepip", "hatchling")
         if importlib.util.find_spec(name)]
found += [f"the program {name}" for name in ("pip", "pip3", "gcc", "cc", "make", "git", "curl")
          if shutil.which(name)]
found += [f"{folder} open for writing" for folder in ("/app", "/venv", "/") if os.access(folder, os.W_OK)]
if (os.getuid(), os.getgid()) != (65532, 65532):
    found.append(f"the user {os.getuid()}:{os.getgid()}")
print("; ".join(found))
"""

#: Run inside the image: posts standard input to the URL in its argument, with the token behind it
#: where there is one, and prints the answer.
ASK = """
import sys, urllib.request
headers = {"authorization": "Bearer " + token for token in sys.argv[2:]}
request = urllib.request.Request(sys.argv[1], sys.stdin.buffer.read() or None, headers)
print(urllib.request.urlopen(request, timeout=30).read().decode())
"""


class CheckFailed(Exception):
    """An image does not do what it should; the text says what it did."""


def check(target: Target) -> float:
    """Hold the image to its promises; returns the seconds from start to healthy.

    Raises ``CheckFailed`` or ``DockerError``.
    """
    kept = docker("run", "--rm", "--entrypoint=python", target.image, "-c", PROMISES).strip()
    if kept:
        raise CheckFailed(f"{target.image} has {kept}")
    with _running(target) as container:
        seconds = _wait_healthy(target.image, container)
        if target.sample is not None:
            _ask_predictor(target.image, container, target.sample)
        elif target.name == "gateway":
            _ask_gateway(container)
        else:
            _ask_controller(container)
        lacking = lacking_libraries(logs(container))
        if lacking:
            raise CheckFailed(f"{target.image} lacks {', '.join(lacking)}")
    return seconds


def run_arguments(target: Target) -> list[str]:
    """What ``docker run`` is told for the check, image and flags of the process included."""
    sample = target.sample
    if target.name == "controller":
        # There is no API server: it says so, and asks again.
        return [
            f"--volume={ROOT / 'scripts/images/no-cluster.yaml'}:/etc/trellis/kubeconfig:ro",
            "--env=KUBECONFIG=/etc/trellis/kubeconfig",
            target.image,
            "--webhook=false",
            f"--controller_token={TOKEN}",
        ]
    if sample is None:
        table = ROOT / "compose"
        return [
            f"--volume={table}:/etc/trellis:ro",
            target.image,
            "--routing_table_file=/etc/trellis/routing-table.json",
        ]
    flags = [f"--model_name={sample.model}", "--model_dir=/mnt/models"]
    if sample.engine:
        flags.append(f"--engine={sample.engine}")
    return [f"--volume={sample.folder}:/mnt/models:ro", target.image, *flags]


@contextmanager
def _running(target: Target) -> Iterator[str]:
    container = docker("run", "--detach", *RESTRICTED, *run_arguments(target)).strip()
    try:
        yield container
    finally:
        docker("rm", "--force", container)


def _wait_healthy(image: str, container: str) -> float:
    """Until the image's own ``HEALTHCHECK`` says so."""
    begun = time.monotonic()
    while time.monotonic() - begun < READY_WITHIN:
        state = json.loads(docker("inspect", "--format={{json .State}}", container))
        if not state["Running"]:
            break
        if state["Health"]["Status"] == "healthy":
            return time.monotonic() - begun
        time.sleep(0.2)
    raise CheckFailed(
        f"{image} did not become healthy within {READY_WITHIN:.0f} s; its last words:\n"
        + "\n".join(logs(container).splitlines()[-20:])
    )


def _ask(container: str, path: str, body: bytes = b"", *, port: int = 8080, token: str = "") -> str:
    url = f"http://127.0.0.1:{port}{path}"
    arguments = ["python", "-c", ASK, url, *([token] if token else [])]
    return docker("exec", "--interactive", container, *arguments, stdin=body)


def _ask_predictor(image: str, container: str, sample: Sample) -> None:
    example = first_example(sample.folder / "model.yaml")
    answer = json.loads(
        _ask(container, f"/v2/models/{sample.model}/infer", json.dumps(example).encode())
    )
    labels = next(out["data"] for out in answer["outputs"] if out["name"] == "label")
    if labels != [sample.label]:
        raise CheckFailed(
            f"{image} calls {sample.model}'s first example {labels}, not {sample.label}"
        )


def _ask_gateway(container: str) -> None:
    models = json.loads(_ask(container, "/v1/models"))["models"]
    if "tomato" not in models:
        raise CheckFailed(f"the gateway knows the models {models}, not those of compose/")


def _ask_controller(container: str) -> None:
    rollouts = json.loads(_ask(container, "/rollouts", port=8090, token=TOKEN))
    if rollouts != {"rollouts": []}:
        raise CheckFailed(f"the controller knows of {rollouts} without a cluster")


def lacking_libraries(log: str) -> list[str]:
    """Shared libraries that the log says were not found, but for the GPU's driver: the node has it."""
    found = set(re.findall(r"(\S+\.so[.\d]*): cannot open shared object file", log))
    return sorted(found - {"libcuda.so.1"})


def first_example(path: Path) -> dict[str, object]:
    """A V2 request from a ``model.yaml``: its first example's inputs."""
    document = yaml.safe_load(path.read_text("utf-8"))
    return {"inputs": document["examples"][0]["inputs"]}
