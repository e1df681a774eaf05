"""What every test shares: hypothesis draws the same examples on every run, and several processes share
the tests out.
"""

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,  # a busy machine is no failure
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("repeatable")

_ROLLOUT, _SERVING = "tests/integration/rollout", "tests/integration/serving"
#: Files whose tests share a server that costs more than most files' tests: one process has them all.
#: Of the two for the Kubernetes API each takes minutes.
TOGETHER = {
    "controllers": (f"{_ROLLOUT}/test_",),
    "cluster": tuple(
        f"{_ROLLOUT}/{place}"
        for place in ("cli/test_cluster.py", "cluster/", "notifications/test_two_", "webhook/")
    ),
    "laboratory": tuple(
        f"{_SERVING}/test_{name}.py"
        for name in ("bad_input", "clients", "fuzz", "grpc", "observability", "v1_rest", "v2_rest")
    ),
}

#: Files of more than ten seconds of a core, most for processes that are killed, trained or upgraded again
#: and again, and those that need a Kubernetes API: marked ``long``, for ``make test-long``.
LONG = (
    *TOGETHER["controllers"],
    *TOGETHER["cluster"],
    f"{_ROLLOUT}/cli/test_local_run.py",
    f"{_ROLLOUT}/metrics/test_queue_proxy.py",
    f"{_SERVING}/test_convert.py",
    f"{_SERVING}/test_lifecycle.py",
    f"{_SERVING}/test_workers.py",
    "tests/integration/gateway/jobs/test_wall_clock.py",
    "tests/integration/gateway/jobs/test_worker_deaths.py",
    "tests/integration/gateway/test_ejection.py",
    "tests/integration/gateway/test_restarts.py",
    "tests/integration/local/test_experiment_kinds.py",
    "tests/integration/local/test_experiments.py",
    "tests/integration/local/test_front.py",
    "tests/integration/local/test_rollouts.py",
    "tests/integration/local/test_up.py",
    "tests/integration/models/test_training.py",
)


def _group(test: str) -> str:
    """What goes to one process: some files together, else a file."""
    file = test.partition("::")[0]
    return next((name for name, places in TOGETHER.items() if file.startswith(places)), file)


class Grouped(LoadScopeScheduling):  # type: ignore[misc] # it ships no type information
    """Whole groups, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Grouped:
    """See ``xdist.newhooks``."""
    return Grouped(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes by itself comes first."""
    for item in items:
        if item.nodeid.startswith(LONG):
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: _group(item.nodeid) not in TOGETHER)
