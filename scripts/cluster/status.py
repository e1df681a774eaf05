"""How the cluster is: nodes, memory, Deployments that are not available, models."""

import json

from scripts.cluster import cluster, figures, nodes, waiting
from scripts.cluster.documents import Document
from scripts.cluster.preflight import engine
from scripts.cluster.progress import Progress
from scripts.cluster.settings import NAMESPACE, Settings


def status(settings: Settings, progress: Progress) -> bool:
    """Print it; whether all of it is well.

    :raises ClusterError: where no engine answers.
    """
    docker = engine().docker
    there = nodes.found(docker, settings.cluster)
    show = progress.console.print
    if not there:
        show(f"There is no cluster {settings.cluster}: run `make cluster`.")
        return False
    running = tuple(node.name for node in there if node.running)
    memory = figures.memory(docker, running) if running else {}
    for node in there:
        state = f"{memory[node.name]:.0f} MiB" if node.running else "stopped: run `make cluster`"
        show(f"node {node.name}  {state}", highlight=False)
    if len(running) < len(settings.nodes):
        return False
    kubectl = cluster.kubectl(settings)
    deployments = json.loads(kubectl("get", "deployments", "-A", "-o", "json"))
    namespaces = {item["metadata"]["namespace"] for item in deployments["items"]} - {NAMESPACE}
    missing = waiting.unavailable(deployments, namespaces)
    pods = json.loads(kubectl("get", "pods", "-A", "-o", "json"))
    for line in waiting.troubles(pods, namespaces):
        show(line, highlight=False, markup=False)
    for line in models(json.loads(kubectl("get", "inferenceservices", "-A", "-o", "json"))):
        show(line, highlight=False, markup=False)
    return not missing


def models(told: Document) -> list[str]:
    """A line for each InferenceService of a list: readiness, traffic and address."""
    lines = []
    for item in told["items"]:
        conditions = item.get("status", {}).get("conditions", [])
        ready = next((c["status"] for c in conditions if c["type"] == "Ready"), "Unknown")
        traffic = (
            item.get("status", {}).get("components", {}).get("predictor", {}).get("traffic", [])
        )
        split = ", ".join(f"{part['revisionName']} {part.get('percent', 0)} %" for part in traffic)
        name = f"{item['metadata']['namespace']}/{item['metadata']['name']}"
        lines.append(f"model {name}  ready {ready}  {split}".rstrip())
    return lines
