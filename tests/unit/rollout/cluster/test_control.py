import asyncio

import pytest
from prometheus_client import CollectorRegistry

from tests.unit.rollout.cluster.test_informer import Away
from trellis.contracts.experiment import Experiment
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.control import ClusterControl
from trellis.rollout.http.asked import Refused
from trellis.telemetry.metrics import ControllerMetrics


@pytest.mark.parametrize("name", ["../../other/experiments/colour?x=1", "..", "", "a/b"])
def test_a_name_that_is_a_path_is_nobodys(name: str) -> None:
    """Nor is the API server asked: it would be away."""
    with pytest.raises(Refused) as refused:
        asyncio.run(unheard().experiment(name))
    assert refused.value.status == 404


def test_an_experiment_is_taken_once_the_cluster_is_known() -> None:
    """Before, nobody could tell where its arms are served, nor where they were."""
    arms = [{"version": version, "weight": 1} for version in ("v1", "v2")]
    asked = Experiment.model_validate({"model": "tomato", "arms": arms})
    with pytest.raises(Refused, match="is not known yet") as refused:
        asyncio.run(unheard().put_experiment("leaves", asked))
    assert refused.value.status == 503


def unheard() -> ClusterControl:
    """Before anything was listed."""
    api = Away()
    cluster = Cluster(api, "", ControllerMetrics(CollectorRegistry()), lambda _: None)
    return ClusterControl(api, cluster, "farm", lambda _: None, lambda _: None)
