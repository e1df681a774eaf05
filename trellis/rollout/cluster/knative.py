"""Weights in KServe's Knative mode: ``spec.predictor.canaryTrafficPercent``."""

from typing import Any

from trellis.rollout.cluster.api import APPLY, MANAGER, PATCH, Api
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.informer import Kind
from trellis.rollout.seen import ServiceSeen

API_VERSION = "serving.kserve.io/v1beta1"
SERVICES = Kind(f"/apis/{API_VERSION}", "inferenceservices")
_FIELD = "/spec/predictor/canaryTrafficPercent"


class KnativeWeights:
    """``weights.Weights``.

    A weight is applied server-side, one field, so that it stays ours through others' applies that
    leave it out. Whose field is taken was decided before: an apply with force takes it from whoever
    had it in what was seen, and from nobody who came later. It is given up by a patch: an empty
    apply would leave a field that a webhook set, or that another shares.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    async def put(self, key: Key, seen: ServiceSeen, percent: int | None) -> None:
        """See ``Weights.put``."""
        path = SERVICES.path(*key)
        if percent is None:
            patch: list[dict[str, Any]] = [
                {"op": "replace", "path": "/metadata/resourceVersion", "value": seen.token},
                {"op": "remove", "path": _FIELD},
            ]
            await self._api.call(
                "PATCH", path, patch, content_type=PATCH, params={"fieldManager": MANAGER}
            )
            return
        applied = {
            "apiVersion": API_VERSION,
            "kind": "InferenceService",
            "metadata": {
                "namespace": key[0],
                "name": key[1],
                "resourceVersion": seen.token,
            },
            "spec": {"predictor": {"canaryTrafficPercent": percent}},
        }
        params = {"fieldManager": MANAGER, "force": "true"}
        await self._api.call("PATCH", path, applied, content_type=APPLY, params=params)
