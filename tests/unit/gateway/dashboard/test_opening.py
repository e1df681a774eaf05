from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from trellis.gateway.controller_client import ControllerClient
from trellis.gateway.dashboard.local_source import LocalSource
from trellis.gateway.dashboard.opening import dashboard_source
from trellis.gateway.dashboard.prometheus_source import PrometheusSource
from trellis.gateway.settings import Settings

PROMETHEUS = "http://prometheus.example:9090"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, routing_table_url="http://controller.example/t", **given)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, LocalSource),
        ({"prometheus_url": PROMETHEUS}, PrometheusSource),
        ({"prometheus_url": PROMETHEUS, "dashboard_source": "prometheus"}, PrometheusSource),
        ({"prometheus_url": PROMETHEUS, "dashboard_source": "local"}, LocalSource),
        ({"prometheus_url": PROMETHEUS, "dashboard_source": "none"}, type(None)),
    ],
)
async def test_the_settings_choose_where_figures_come_from(
    session: aiohttp.ClientSession, given: dict[str, str], kind: type
) -> None:
    controller = ControllerClient(None, None, session)
    assert isinstance(dashboard_source(settings(**given), session, controller), kind)


def test_prometheus_needs_its_address() -> None:
    with pytest.raises(ValidationError, match="prometheus_url must be set"):
        settings(dashboard_source="prometheus")
