"""Objects as long as a cluster's own: what is listed and heard is paid for by the byte."""

from typing import Any

from tests.integration.rollout import objects

_CONDITIONS = (
    "Ready",
    "PodScheduled",
    "Initialized",
    "ContainersReady",
    "PodReadyToStartContainers",
)
#: As many as Knative tells a queue-proxy, and as KServe tells a predictor.
_VARIABLES = [
    {"name": f"SERVING_VARIABLE_NUMBER_{number}", "value": "a value of its own"}
    for number in range(26)
]
_OF_PREDICTOR = _VARIABLES[:8]
_IMAGE = "registry.example.com/trellis/predictor@sha256:" + "0" * 64


def template(source: str, service: str) -> dict[str, Any]:
    """Of a Knative Service, as KServe fills it."""
    made = objects.template(source, model=service)
    container = made["spec"]["containers"][0]
    return {**made, "spec": {"containers": [{**container, "env": _OF_PREDICTOR}]}}


def revision(name: str, service: str, of: dict[str, Any]) -> dict[str, Any]:
    """A Knative Revision with what its webhook fills in."""
    made = objects.revision(name, service, of)
    container = made["spec"]["containers"][0]
    filled = {
        "readinessProbe": {"successThreshold": 1, "tcpSocket": {"port": 0}},
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1"}},
    }
    made["spec"] = {"containers": [{**container, **filled}], "timeoutSeconds": 300}
    return made


def revision_status() -> dict[str, Any]:
    """Of one that is ready."""
    told = ("Ready", "Active", "ContainerHealthy", "ResourcesAvailable")
    return {
        "actualReplicas": 1,
        "conditions": [_condition(kind) for kind in told],
        "containerStatuses": [{"name": "kserve-container", "imageDigest": _IMAGE}],
    }


def pod(name: str, service: str, of_revision: str) -> dict[str, Any]:
    """With the container that downloads, the predictor's, and the queue-proxy."""
    made = objects.pod(name, service, of_revision)
    mounts = [{"name": "models", "mountPath": "/mnt/models", "readOnly": True}]
    main = made["spec"]["containers"][0]
    proxy = {
        "name": "queue-proxy",
        "image": _IMAGE,
        "env": _VARIABLES,
        "ports": [
            {"name": port, "containerPort": number}
            for port, number in (("queue-port", 8012), ("http-queueadm", 8022), ("metrics", 9091))
        ],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8012}},
    }
    made["spec"] = {
        "containers": [{**main, "env": _OF_PREDICTOR, "volumeMounts": mounts}, proxy],
        "initContainers": [
            {"name": "storage-initializer", "image": _IMAGE, "volumeMounts": mounts}
        ],
        "volumes": [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}],
        "tolerations": [{"key": "example.com/models", "operator": "Exists"}],
    }
    return made


def pod_status(address: str) -> dict[str, Any]:
    """Of one that is ready."""
    status = objects.pod_status(address)
    main = {**status["containerStatuses"][0], "image": _IMAGE, "imageID": _IMAGE, "started": True}
    return {
        **status,
        "conditions": [_condition(kind) for kind in _CONDITIONS],
        "containerStatuses": [main, {**main, "name": "queue-proxy"}],
        "initContainerStatuses": [{**main, "name": "storage-initializer"}],
    }


def service_status(host: str, component: dict[str, Any], traffic: dict[str, int]) -> dict[str, Any]:
    """An InferenceService's; ``component`` names its revisions, ``traffic`` is in percent."""
    told = ("IngressReady", "PredictorConfigurationReady", "PredictorReady", "PredictorRouteReady",
            "Ready", "RoutesReady")  # fmt: skip
    targets = [
        {"revisionName": name, "percent": percent, "latestRevision": False, "url": f"http://{host}"}
        for name, percent in traffic.items()
    ]
    predictor = {
        **{field: value for field, value in component.items() if value},
        "address": {"url": f"http://{host}"},
        "traffic": targets,
        "url": f"http://{host}",
    }
    return {
        "address": {"url": f"http://{host}"},
        "components": {"predictor": predictor},
        "conditions": [_condition(kind) for kind in told],
        "deploymentMode": "Serverless",
        "modelStatus": {
            "copies": {"failedCopies": 0, "totalCopies": 1},
            "states": {"activeModelState": "Loaded", "targetModelState": "Loaded"},
            "transitionStatus": "UpToDate",
        },
        "url": f"http://{host}",
    }


def _condition(kind: str) -> dict[str, str]:
    return {"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
