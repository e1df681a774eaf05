"""The model against what was measured on a cluster: the stories below are the facts' own."""

from tests.unit.rollout.plan.kserve_model import KServeModel, Template


def _with(*versions: str, webhook: bool = False) -> KServeModel:
    """These versions, one after the other promoted."""
    service = KServeModel(Template(versions[0]), webhook=webhook)
    for version in versions:
        service.apply(Template(version), weight=None)
        service.settle()
        service.start(str(service.created))
        service.settle()
    return service


def _bring(service: KServeModel, version: str, weight: int | None) -> str:
    service.apply(Template(version), weight=weight)
    service.settle()
    return str(service.created)


def test_a_first_deploy_takes_all_traffic_whatever_the_field_says() -> None:
    service = KServeModel(Template("v1"), weight=20)
    service.settle()
    service.start("r-00001")
    service.settle()
    assert service.answers() == {"v1": 100}


def test_a_canary_gets_its_percentage_once_it_is_ready() -> None:
    service = _with("v1")
    name = _bring(service, "v2", 20)
    assert service.answers() == {"v1": 100}
    service.start(name)
    service.settle()
    assert service.answers() == {"v1": 80, "v2": 20}


def test_removing_the_field_promotes_and_zero_then_steps_back_once() -> None:
    service = _with("v1", "v2")
    assert (service.rolled_out, service.previous) == ("r-00002", "r-00001")
    service.apply(service.template, weight=0)
    service.settle()
    assert service.answers() == {"v1": 100}
    assert service.rolled_out == "r-00001"
    service.apply(service.template, weight=50)
    service.settle()
    assert service.answers() == {"v1": 50, "v2": 50}
    service.apply(service.template, weight=None)
    service.settle()
    assert service.answers() == {"v2": 100}


def test_a_weight_beside_a_new_version_goes_to_the_one_rolled_back_until_it_is_ready() -> None:
    service = _with("v1")
    service.start(_bring(service, "v2", 0))
    service.settle()
    name = _bring(service, "v3", 20)
    assert service.answers() == {"v1": 80, "v2": 20}
    service.start(name)
    service.settle()
    assert service.answers() == {"v1": 80, "v3": 20}


def test_the_field_removed_beside_a_new_version_promotes_the_one_rolled_back() -> None:
    service = _with("v1")
    service.start(_bring(service, "v2", 0))
    service.settle()
    _bring(service, "v3", None)
    assert service.answers() == {"v2": 100}


def test_zero_in_the_request_that_changes_the_version_keeps_all_on_stable() -> None:
    service = _with("v1", webhook=True)
    service.start(_bring(service, "v2", 30))
    service.settle()
    assert service.answers() == {"v1": 100}
    service.start(_bring(service, "v3", None))
    service.settle()
    assert service.answers() == {"v1": 100}


def test_an_annotation_makes_a_revision_and_a_weight_does_not() -> None:
    service = _with("v1")
    service.apply(service.template, weight=10)
    service.settle()
    assert service.created == "r-00001"
    service.annotate("argocd")
    service.settle()
    assert service.created == "r-00002"


def test_zero_seen_before_the_new_revision_is_made_steps_back() -> None:
    """The order is possible, though rare: traffic and template of one request are two controllers'."""
    service = _with("v1", "v2", webhook=True)
    service.apply(Template("v3"))
    service.reconcile()
    service.route()
    service.reconcile()
    assert service.rolled_out == "r-00001"
    service.settle()
    assert service.answers() == {"v1": 100}


def test_a_weight_is_taken_only_for_the_object_that_was_seen() -> None:
    service = _with("v1")
    token = service.seen().token
    service.apply(Template("v2"))
    assert not service.set_weight(20, token)
    assert service.weight is None
