from tests.unit.rollout.cluster.test_routes import Services
from trellis.rollout.cluster.experiment_world import versions_served
from trellis.rollout.cluster.facts import Service, service


def served(known: Services, model: str, **arm_of: str) -> dict[str, str]:
    """``arm_of`` are labels: the model by InferenceService."""
    labels = {name.replace("_", "-"): of for name, of in arm_of.items()}
    return versions_served(
        [found(name, labels.get(name)) for name in known.versions], known.seen, ("farm", model)
    )


def found(name: str, arm_of: str | None) -> Service:
    labels = {"trellis.dev/arm-of": arm_of} if arm_of else {"team": "leaf"}
    metadata = {"namespace": "farm", "name": name, "resourceVersion": "1", "labels": labels}
    return service({"metadata": metadata})


def test_a_name_that_begins_alike_is_another_models() -> None:
    both = Services(sentiment="v1", sentiment_de="v2")
    assert served(both, "sentiment") == {"v1": "sentiment"}
    assert served(both, "sentiment", sentiment_de="reviews") == {"v1": "sentiment"}


def test_a_label_makes_an_arm_whatever_its_name() -> None:
    both = Services(tomato="v1", leaf="v2")
    assert served(both, "tomato", leaf="tomato") == {"v1": "tomato", "v2": "leaf"}


def test_a_version_is_the_models_own_services_first() -> None:
    both = Services(tomato="v1", another="v1")
    assert served(both, "tomato", another="tomato") == {"v1": "tomato"}


def test_an_arm_of_another_namespace_is_another_models() -> None:
    known = Services(tomato="v1")
    services = [found("tomato", None), found("leaf", "tomato")]
    assert versions_served(services, known.seen, ("shop", "tomato")) == {}
