"""The last lines of a bring-up: time, memory, and what to do next."""

from scripts.cluster import figures, first_answer, platform
from scripts.cluster.cluster import Cluster
from scripts.cluster.settings import NAMESPACE


def report(cluster: Cluster) -> None:
    """Print what it took and where to go from here."""
    settings, progress = cluster.settings, cluster.progress
    seconds = progress.seconds
    memory = figures.memory(cluster.docker, settings.nodes)
    each = ", ".join(f"{name} {size:.0f}" for name, size in memory.items())
    progress.note(
        f"The cluster is up: {seconds:.0f} s to the first prediction, "
        f"{sum(memory.values()):.0f} MiB of memory ({each})"
    )
    for line in next_steps(cluster):
        progress.console.print(line, highlight=False, soft_wrap=True, markup=False)


def next_steps(cluster: Cluster) -> list[str]:
    """Commands that work from the checkout's folder."""
    settings = cluster.settings
    base = settings.checkout
    host = f"{first_answer.host()}:{settings.http_port}"
    kubeconfig = settings.kubeconfig.relative_to(base)
    lines = [
        "",
        f"  export KUBECONFIG=$PWD/{kubeconfig} PATH={settings.tools}:$PATH",
        f"  kubectl get inferenceservices -n {NAMESPACE}",
        f"  curl -F file=@{first_answer.PICTURE} http://{host}/v1/models/{first_answer.MODEL}:predict",
        "  kubectl apply -k manifests/overlays/kind     # the other models",
        f"  http://{platform.GATEWAY_HOST}:{settings.http_port}/     # the page, where the gateway is",
        "  make cluster-down",
    ]
    if cluster.extras & {"tls", "redirect"}:
        secure = f"{first_answer.host()}:{settings.https_port}"
        authority = (settings.state / "ca.crt").relative_to(base)
        lines.insert(
            4,
            f"  curl --cacert {authority} -F file=@{first_answer.PICTURE} "
            f"https://{secure}/v1/models/{first_answer.MODEL}:predict",
        )
    return lines
