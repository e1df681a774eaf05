"""Objects as people, KServe, Knative and kubelets write them."""

from typing import Any

SOURCE = "internal.serving.kserve.io/storage-initializer-sourceuri"
KSERVE = "/apis/serving.kserve.io/v1beta1"
KNATIVE = "/apis/serving.knative.dev/v1"
TRELLIS = "/apis/trellis.dev/v1alpha1"


def path(group: str, namespace: str, plural: str, name: str = "") -> str:
    return f"{group}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def inference_service(
    name: str, version: str, weight: int | None = None, **annotations: str
) -> dict[str, Any]:
    predictor: dict[str, Any] = {
        "model": {
            "modelFormat": {"name": "trellis"},
            "storageUri": f"pvc://models/{name}/{version}",
        }
    }
    if weight is not None:
        predictor["canaryTrafficPercent"] = weight
    metadata: dict[str, Any] = {"name": name}
    if annotations:
        metadata["annotations"] = annotations
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": metadata,
        "spec": {"predictor": predictor},
    }


def template(
    source: str, image: str = "trellis/predictor:1", note: str = "", model: str = "tomato"
) -> dict[str, Any]:
    """Of a Knative Service, as KServe fills it."""
    return {
        "metadata": {"annotations": {SOURCE: source, "note": note}},
        "spec": {
            "containers": [
                {"name": "kserve-container", "image": image, "args": [f"--model_name={model}"]}
            ]
        },
    }


def knative_service(service: dict[str, Any], of: dict[str, Any]) -> dict[str, Any]:
    name = service["metadata"]["name"]
    owner = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "name": name,
        "uid": service["metadata"]["uid"],
        "controller": True,
    }
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": f"{name}-predictor", "ownerReferences": [owner]},
        "spec": {"template": of},
    }


def revision(name: str, service: str, of: dict[str, Any]) -> dict[str, Any]:
    labels = {"serving.knative.dev/service": f"{service}-predictor"}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Revision",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": dict(of["metadata"]["annotations"]),
        },
        "spec": of["spec"],
    }


def pod(name: str, service: str, of_revision: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {
                "serving.kserve.io/inferenceservice": service,
                "serving.knative.dev/revision": of_revision,
            },
        },
        "spec": {"containers": [{"name": "kserve-container", "image": "trellis/predictor:1"}]},
    }


def pod_status(address: str, *, ready: bool = True, restarts: int = 0) -> dict[str, Any]:
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        "containerStatuses": [
            {
                "name": "kserve-container",
                "ready": ready,
                "restartCount": restarts,
                "image": "i",
                "imageID": "i",
                "state": {"running": {}},
            }
        ],
    }


def experiment(name: str, model: str, services: dict[str, str], **spec: Any) -> dict[str, Any]:
    """``services`` are the arms': InferenceServices by version."""
    arms = [{"version": v, "inferenceService": service} for v, service in services.items()]
    return {
        "apiVersion": "trellis.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {"model": model, "arms": arms, **spec},
    }


def rollout(name: str, service: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "trellis.dev/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name},
        "spec": {"inferenceService": service, **spec},
    }
