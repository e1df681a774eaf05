"""The nodes, as kind makes them: a control plane, a worker, a worker that is tainted for GPUs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.cluster.documents import Document
from scripts.cluster.program import Program
from scripts.cluster.settings import HTTP_NODE_PORT, HTTPS_NODE_PORT, Settings

GPU_TAINT = {"key": "nvidia.com/gpu", "effect": "NoSchedule"}
GPU_LABEL = {"accelerator": "nvidia"}


@dataclass(frozen=True)
class Node:
    """One node's container, as Docker tells of it."""

    name: str
    identity: str
    running: bool
    image: str
    models: str


def configuration(settings: Settings) -> Document:
    """What kind is asked for."""
    models = {
        "hostPath": str(settings.checkout / "models"),
        "containerPath": "/models",
        "readOnly": True,
    }
    ports = [
        {"containerPort": inside, "hostPort": outside, "listenAddress": "127.0.0.1"}
        for inside, outside in (
            (HTTP_NODE_PORT, settings.http_port),
            (HTTPS_NODE_PORT, settings.https_port),
        )
    ]
    # The taint is there from the node's first moment, so that nothing lands on it before.
    joining = {
        "kind": "JoinConfiguration",
        "nodeRegistration": {"taints": [GPU_TAINT]},
    }
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "kubeadmConfigPatches": [
            json.dumps({"kind": "KubeletConfiguration", "failCgroupV1": False}),
        ],
        "nodes": [
            {"role": "control-plane", "extraPortMappings": ports, "extraMounts": [models]},
            {"role": "worker", "extraMounts": [models]},
            {
                "role": "worker",
                "labels": GPU_LABEL,
                "extraMounts": [models],
                "kubeadmConfigPatches": [json.dumps(joining)],
            },
        ],
    }


def found(docker: Program, cluster: str) -> list[Node]:
    """The containers that kind made for a cluster of that name, running or not."""
    names = docker(
        "ps", "--all", "--quiet", "--filter", f"label=io.x-k8s.kind.cluster={cluster}"
    ).split()
    if not names:
        return []
    return [
        Node(
            name=told["Name"].lstrip("/"),
            identity=told["Id"],
            running=told["State"]["Running"],
            image=told["Config"]["Image"],
            models=next(
                (mount["Source"] for mount in told["Mounts"] if mount["Destination"] == "/models"),
                "",
            ),
        )
        for told in json.loads(docker("inspect", *names))
    ]


def create(kind: Program, settings: Settings, image: str) -> None:
    """Make the nodes and write the kubeconfig.

    :raises ProgramFailed: where kind fails.
    """
    settings.state.mkdir(parents=True, exist_ok=True)
    kind(
        "create",
        "cluster",
        "--name",
        settings.cluster,
        "--image",
        image,
        "--kubeconfig",
        str(settings.kubeconfig),
        "--config",
        "-",
        "--wait",
        "120s",
        text=json.dumps(configuration(settings)),
        timeout=600,
    )


def remove(docker: Program, there: Sequence[Node], kubeconfig: Path) -> None:
    """Remove nodes with all that is in them, and the kubeconfig that led there."""
    if there:
        docker("rm", "--force", "--volumes", *(node.name for node in there))
    kubeconfig.unlink(missing_ok=True)
