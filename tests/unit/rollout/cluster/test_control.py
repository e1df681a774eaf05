import asyncio

import pytest
from prometheus_client import CollectorRegistry

from tests.unit.rollout.cluster.test_informer import Away
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.control import ClusterControl
from trellis.rollout.http.asked import Refused
from trellis.telemetry.metrics import ControllerMetrics


@pytest.mark.parametrize("name", ["../../other/experiments/colour?x=1", "..", "", "a/b"])
def test_a_name_that_is_a_path_is_nobodys(name: str) -> None:
    """Nor is the API server asked: it would be away."""
    api = Away()
    cluster = Cluster(api, "", ControllerMetrics(CollectorRegistry()), lambda _: None)
    control = ClusterControl(api, cluster, "farm", lambda _: None, lambda _: None)
    with pytest.raises(Refused) as refused:
        asyncio.run(control.experiment(name))
    assert refused.value.status == 404
