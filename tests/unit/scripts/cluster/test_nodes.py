import json

from scripts.cluster.nodes import configuration
from scripts.cluster.settings import Settings


def test_kind_makes_a_control_plane_a_worker_and_a_tainted_worker() -> None:
    nodes = configuration(Settings())["nodes"]
    assert [node["role"] for node in nodes] == ["control-plane", "worker", "worker"]
    assert [node.get("labels", {}) for node in nodes] == [{}, {}, {"accelerator": "nvidia"}]
    joining = json.loads(nodes[2]["kubeadmConfigPatches"][0])
    assert joining["nodeRegistration"]["taints"] == [
        {"key": "nvidia.com/gpu", "effect": "NoSchedule"}
    ]


def test_every_node_sees_the_models_and_cannot_change_them() -> None:
    settings = Settings()
    for node in configuration(settings)["nodes"]:
        (mount,) = node["extraMounts"]
        assert mount == {
            "hostPath": str(settings.checkout / "models"),
            "containerPath": "/models",
            "readOnly": True,
        }


def test_both_ports_lead_to_kouriers_node_ports_from_this_machine_only() -> None:
    nodes = configuration(Settings(http_port=8081, https_port=8444))["nodes"]
    assert nodes[0]["extraPortMappings"] == [
        {"containerPort": 31080, "hostPort": 8081, "listenAddress": "127.0.0.1"},
        {"containerPort": 31443, "hostPort": 8444, "listenAddress": "127.0.0.1"},
    ]
    assert not any("extraPortMappings" in node for node in nodes[1:])
