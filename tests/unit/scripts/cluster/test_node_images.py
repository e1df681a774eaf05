import pytest

from scripts.cluster.node_images import destinations, own_destinations
from scripts.cluster.settings import Settings

SETTINGS = Settings()


@pytest.mark.parametrize(
    ("image", "nodes"),
    [
        ("trellis/knative-queue:0.48.0", SETTINGS.workers),
        ("trellis/redis:7.0.15", SETTINGS.workers),
        ("trellis/knative-controller:0.48.0", (SETTINGS.control_plane,)),
        ("trellis/envoy:1.40.0", (SETTINGS.control_plane,)),
    ],
)
def test_an_image_goes_only_where_it_runs(image: str, nodes: tuple[str, ...]) -> None:
    assert destinations(image, SETTINGS) == nodes


@pytest.mark.parametrize(
    ("image", "nodes"),
    [
        ("trellis/predictor:0.1.0", SETTINGS.workers),
        ("trellis/predictor-gpu:0.1.0", SETTINGS.workers),
        ("trellis/predictor-keras:0.1.0", SETTINGS.workers[:1]),
        ("trellis/gateway:0.1.0", SETTINGS.workers[:1]),
    ],
)
def test_the_gpu_worker_gets_what_gpu_models_run_on(image: str, nodes: tuple[str, ...]) -> None:
    assert own_destinations(image, SETTINGS) == nodes
