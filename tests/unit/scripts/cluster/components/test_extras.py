import yaml

from scripts.cluster.components import flux, metrics_server, prometheus


def test_metrics_server_trusts_a_kind_nodes_kubelet() -> None:
    text = yaml.safe_dump(
        {
            "kind": "Deployment",
            "metadata": {"name": "metrics-server"},
            "spec": {"template": {"spec": {"containers": [{"args": ["--secure-port=10250"]}]}}},
        }
    )
    deployment = metrics_server.manifest(text).find("Deployment", "metrics-server")
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments == ["--secure-port=10250", "--kubelet-insecure-tls"]


def test_prometheus_has_the_image_and_starts_anew_with_another_configuration() -> None:
    manifest = prometheus.manifest("trellis/prometheus:1")
    template = manifest.find("Deployment", "prometheus")["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "trellis/prometheus:1"
    assert len(template["metadata"]["annotations"]["trellis.dev/configuration"]) == 16


def test_prometheus_looks_at_every_process_and_at_queue_proxy() -> None:
    data = prometheus.manifest("i:1").find("ConfigMap", "prometheus")["data"]
    jobs = {
        job["job_name"]: job for job in yaml.safe_load(data["prometheus.yml"])["scrape_configs"]
    }
    assert set(jobs) == {"predictors", "queue-proxy", "gateway", "worker", "controller"}
    kept = {
        name: [rule["regex"] for rule in job["relabel_configs"] if rule.get("action") == "keep"]
        for name, job in jobs.items()
    }
    assert "kserve-container;(8080|8081)" in kept["predictors"]
    assert "queue-proxy;http-usermetric" in kept["queue-proxy"]
    assert "gateway;metrics" in kept["gateway"]
    assert "worker;health" in kept["worker"]
    assert "controller;http" in kept["controller"]


def test_prometheus_is_a_restricted_pod() -> None:
    manifest = prometheus.manifest("i:1")
    pod = manifest.find("Deployment", "prometheus")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    container = pod["containers"][0]["securityContext"]
    assert container["allowPrivilegeEscalation"] is False
    assert container["capabilities"] == {"drop": ["ALL"]}


def test_flux_may_write_whatever_a_repository_holds() -> None:
    pod = {"serviceAccountName": "default", "containers": [{"name": "manager"}]}
    documents = [
        {"kind": kind, "metadata": {"name": name}, "spec": {"template": {"spec": {**pod}}}}
        for kind in ("Deployment", "ServiceAccount")
        for name in ("source-controller", "kustomize-controller")
    ]
    manifest = flux.manifest(yaml.safe_dump_all(documents))
    for name in ("source-controller", "kustomize-controller"):
        deployment = manifest.find("Deployment", name)
        assert deployment["metadata"]["namespace"] == "flux-system"
        assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == name
        assert manifest.find("ServiceAccount", name)["metadata"]["namespace"] == "flux-system"
    binding = manifest.find("ClusterRoleBinding", "flux")
    assert binding["roleRef"]["name"] == "cluster-admin"
    assert {subject["name"] for subject in binding["subjects"]} == {
        "source-controller",
        "kustomize-controller",
    }
