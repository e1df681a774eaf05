"""The Go programs of a cluster: which wrapper module builds each, under which name it is kept."""

from dataclasses import dataclass
from pathlib import Path

from scripts.cluster.versions import version

MODULES = Path(__file__).with_name("modules")


@dataclass(frozen=True)
class Program:
    """One program of the cache."""

    name: str
    module: str  # the folder below modules/
    package: str  # the import path of its main
    pinned: str  # its entry in versions.toml

    @property
    def version(self) -> str:
        """Its version, without a leading `v`."""
        return version(self.pinned)


_KUBERNETES = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubeadm",
    "kubelet",
)
_CNI = {"ptp": "main", "loopback": "main", "host-local": "ipam", "portmap": "meta"}
_CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")
_KNATIVE = ("activator", "autoscaler", "controller", "queue", "webhook")

TOOLS = (
    Program("kind", "kind", "sigs.k8s.io/kind", "kind"),
    Program("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", "kubernetes"),
    Program("helm", "helm", "helm.sh/helm/v3/cmd/helm", "helm"),
)
NODE = (
    *(Program(n, "kubernetes", f"k8s.io/kubernetes/cmd/{n}", "kubernetes") for n in _KUBERNETES),
    *(
        Program(n, "containerd", f"github.com/containerd/containerd/v2/cmd/{n}", "containerd")
        for n in _CONTAINERD
    ),
    *(
        Program(
            n, "cni", f"github.com/containernetworking/plugins/plugins/{kind}/{n}", "cni-plugins"
        )
        for n, kind in _CNI.items()
    ),
    Program("crictl", "crictl", "sigs.k8s.io/cri-tools/cmd/crictl", "crictl"),
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3", "etcd"),
    Program("coredns", "coredns", "github.com/coredns/coredns", "coredns"),
    Program("pause", "pause", "trellis/pause", "pause"),
)
SERVING = (
    *(
        Program(f"knative-{n}", "knative", f"knative.dev/serving/cmd/{n}", "knative")
        for n in _KNATIVE
    ),
    Program("kourier", "knative", "knative.dev/net-kourier/cmd/kourier", "net-kourier"),
    Program("kserve-controller", "kserve", "github.com/kserve/kserve/cmd/manager", "kserve"),
    Program("kserve-agent", "kserve", "github.com/kserve/kserve/cmd/agent", "kserve"),
    Program("kserve-router", "kserve", "github.com/kserve/kserve/cmd/router", "kserve"),
)
#: A Kubernetes API without nodes and a queue-proxy without a pod, for tests.
API_SERVER = tuple(
    program
    for program in (*NODE, *SERVING)
    if program.name in {"kube-apiserver", "etcd", "knative-queue"}
)
METRICS_SERVER = (
    Program(
        "metrics-server",
        "metrics-server",
        "sigs.k8s.io/metrics-server/cmd/metrics-server",
        "metrics-server",
    ),
)
KEDA = (
    Program("keda-operator", "keda", "github.com/kedacore/keda/v2/cmd/operator", "keda"),
    Program("keda-metrics-apiserver", "keda", "github.com/kedacore/keda/v2/cmd/adapter", "keda"),
    Program("keda-admission-webhooks", "keda", "github.com/kedacore/keda/v2/cmd/webhooks", "keda"),
)
PROMETHEUS = (
    Program(
        "prometheus", "prometheus", "github.com/prometheus/prometheus/cmd/prometheus", "prometheus"
    ),
)
FLUX = (
    Program(
        "source-controller",
        "flux-source",
        "github.com/fluxcd/source-controller",
        "source-controller",
    ),
    Program(
        "kustomize-controller",
        "flux-kustomize",
        "github.com/fluxcd/kustomize-controller",
        "kustomize-controller",
    ),
)


def tags(module: str) -> str:
    """Go's build tags for a module, comma-separated.

    Debian's own Prometheus cannot find a cluster's pods, and a whole one knows two dozen clouds.
    """
    return {"prometheus": "remove_all_sd,enable_kubernetes_sd"}.get(module, "")


def link_values(module: str) -> dict[str, str]:
    """What a module's own release build sets with `-X`: Go variable: value.

    Kubernetes refuses to run without a version, Helm's charts would see an old Kubernetes, and
    containerd would call itself unknown.
    """
    kubernetes = version("kubernetes")
    major, minor, _ = kubernetes.split(".")
    if module == "kubernetes":
        stamp = {
            "gitVersion": f"v{kubernetes}",
            "gitMajor": major,
            "gitMinor": minor,
            "gitCommit": "0" * 40,
            "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z",
        }
        packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        return {f"{package}.{name}": value for package in packages for name, value in stamp.items()}
    if module == "helm":
        return {
            "helm.sh/helm/v3/internal/version.version": f"v{version('helm')}",
            "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": major,
            "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": minor,
        }
    if module == "containerd":
        return {"github.com/containerd/containerd/v2/version.Version": f"v{version('containerd')}"}
    if module == "crictl":
        return {"sigs.k8s.io/cri-tools/pkg/version.Version": f"v{version('crictl')}"}
    return {}
