import pytest

from scripts.cluster.errors import ClusterError
from scripts.cluster.settings import Settings, from_environment


def test_defaults_are_those_of_the_documents() -> None:
    settings = from_environment({})
    assert settings == Settings()
    assert (settings.cluster, settings.http_port, settings.https_port) == ("trellis", 18080, 18443)
    assert settings.kubeconfig == settings.checkout / ".cluster" / "kubeconfig"
    assert settings.tools == settings.cache / "tools"
    assert settings.nodes == ("trellis-control-plane", "trellis-worker", "trellis-worker2")


def test_every_variable_is_read() -> None:
    settings = from_environment(
        {
            "TRELLIS_CLUSTER": "other",
            "TRELLIS_CLUSTER_HTTP_PORT": "1234",
            "TRELLIS_CLUSTER_HTTPS_PORT": "1235",
            "TRELLIS_CLUSTER_CACHE": "/cache",
            "TRELLIS_CLUSTER_SOURCE": "build",
        }
    )
    assert (settings.http_port, settings.https_port, settings.way) == (1234, 1235, "build")
    assert str(settings.tools) == "/cache/tools"
    assert settings.control_plane == "other-control-plane"


def test_another_cluster_has_files_of_its_own() -> None:
    assert Settings(cluster="other").kubeconfig != Settings().kubeconfig


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRELLIS_CLUSTER", "Trellis"),
        ("TRELLIS_CLUSTER", "a" * 40),
        ("TRELLIS_CLUSTER", "-a"),
        ("TRELLIS_CLUSTER_HTTP_PORT", "http"),
        ("TRELLIS_CLUSTER_HTTP_PORT", "0"),
        ("TRELLIS_CLUSTER_HTTPS_PORT", "65536"),
        ("TRELLIS_CLUSTER_HTTPS_PORT", "18080"),
        ("TRELLIS_CLUSTER_SOURCE", "download"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(ClusterError) as caught:
        from_environment({name: value})
    assert name in caught.value.problem
    assert value in caught.value.problem
    assert caught.value.remedy
