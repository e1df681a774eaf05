import pytest

from tests.unit.charts.helm import Helm
from tests.unit.manifests.conftest import tool


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tool("helm"), tmp_path_factory.mktemp("helm"))
