"""The step that ends with three nodes that run, whatever there was before."""

import datetime as dt
import json
from collections.abc import Sequence

from scripts.cluster import nodes, repair
from scripts.cluster.cluster import Cluster
from scripts.cluster.documents import Document
from scripts.cluster.errors import ClusterError
from scripts.cluster.nodes import Node
from scripts.cluster.preflight import NODES_GB, check_disk, check_ports
from scripts.cluster.progress import Say
from scripts.cluster.waiting import until

_STARTING = 120  # seconds
_RENEWED = dt.timedelta(seconds=40)  # a kubelet renews its lease every ten seconds

#: A Service whose rules kube-proxy has not yet laid is nobody's: without this a connection to it
#: leaves the machine, and where something answers there, the API server keeps that connection.
_SERVICES = "10.96.0.0/16"
_CLOSED = " && ".join(
    f"{{ iptables -C {rule} 2>/dev/null || iptables -A {rule}; }}"
    for rule in (f"{chain} -d {_SERVICES} -j REJECT" for chain in ("OUTPUT", "FORWARD"))
)


def bring_up(cluster: Cluster, say: Say) -> None:
    """Create, start, repair or keep the nodes.

    :raises ClusterError: where they are another's, or cannot be made.
    """
    settings = cluster.settings
    there = nodes.found(cluster.docker, settings.cluster)
    action, why = repair.action(there, settings, cluster.supply.node_image)
    since = dt.datetime.now(dt.UTC)
    if action == "keep":
        since -= _RENEWED
    if action == "start":
        if not any(node.running and node.name == settings.nodes[0] for node in there):
            check_ports(settings)  # the first one holds them
        say(f"the nodes to start ({why})")
        cluster.docker("start", *settings.nodes)
    if action in ("keep", "start"):
        try:
            _joined(cluster)
            _export(cluster)
            ready(cluster, say, _STARTING, since)
        except ClusterError as error:
            if _was_whole(cluster, there):
                raise ClusterError(
                    f"The nodes do not come back: {error.problem}",
                    "`docker logs` of a node tells more; `make cluster-down`, then `make cluster` "
                    "makes them anew, without what you deployed.",
                ) from error
            action, why = "recreate", error.problem
    if action == "recreate":
        say(f"the old nodes to go ({why})")
        nodes.remove(cluster.docker, there, settings.kubeconfig)
    if action in ("create", "recreate"):
        check_disk(cluster.engine.folder, needed_gb=NODES_GB)
        check_ports(settings)
        say("kind to make three nodes")
        nodes.create(cluster.kind, settings, cluster.supply.node_image)
        ready(cluster, say, _STARTING, since)
        _mark_whole(cluster)
    for node in settings.nodes:
        cluster.docker("exec", node, "sh", "-c", _CLOSED)


def ready(cluster: Cluster, say: Say, patience: float, since: dt.datetime) -> None:
    """Until the API answers and all nodes are ready, with a sign of life after ``since``.

    ``patience`` is in seconds.

    :raises ClusterError: naming what is missing.
    """

    def look() -> str:
        try:
            nodes = json.loads(cluster.kubectl("get", "nodes", "-o", "json", timeout=10))
            leases = json.loads(
                cluster.kubectl("get", "leases", "-n", "kube-node-lease", "-o", "json", timeout=10)
            )
        except ClusterError:
            return "answer of the API server"
        missing = unready(cluster.settings.nodes, nodes, leases, since)
        return f"ready node {', '.join(missing)}" if missing else ""

    until(look, patience, say)


def unready(
    names: Sequence[str], told: Document, leases: Document, since: dt.datetime
) -> list[str]:
    """The nodes that are not ready, by a NodeList and the leases that their kubelets renew.

    A node's own conditions are not enough: those of one that was stopped say what was before.
    """
    alive = {
        lease["metadata"]["name"]
        for lease in leases["items"]
        if dt.datetime.fromisoformat(lease["spec"]["renewTime"]) > since
    }
    well = {
        node["metadata"]["name"]
        for node in told["items"]
        if any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in node["status"].get("conditions", [])
        )
    }
    return [name for name in names if name not in alive & well]


def _was_whole(cluster: Cluster, there: Sequence[Node]) -> bool:
    """Whether these very nodes were ready once; else nothing is lost with them."""
    marker = cluster.settings.state / "whole"
    return marker.exists() and marker.read_text() == _identities(there)


def _mark_whole(cluster: Cluster) -> None:
    there = nodes.found(cluster.docker, cluster.settings.cluster)
    (cluster.settings.state / "whole").write_text(_identities(there))


def _identities(there: Sequence[Node]) -> str:
    return "\n".join(sorted(node.identity for node in there))


def _joined(cluster: Cluster) -> None:
    """Every node has joined the cluster; a kind that was killed leaves some that have not.

    :raises ClusterError: naming those.
    """
    missing = [
        node
        for node in cluster.settings.nodes
        if not cluster.docker.succeeds("exec", node, "test", "-e", "/etc/kubernetes/kubelet.conf")
    ]
    if missing:
        raise ClusterError(f"{', '.join(missing)} never joined the cluster")


def _export(cluster: Cluster) -> None:
    """Write the kubeconfig again: it may be gone, or of nodes that had another port."""
    cluster.settings.state.mkdir(parents=True, exist_ok=True)
    cluster.kind(
        "export", "kubeconfig",
        "--name", cluster.settings.cluster,
        "--kubeconfig", str(cluster.settings.kubeconfig),
    )  # fmt: skip
