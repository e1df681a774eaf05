from pathlib import Path

import pytest

from trellis.gateway.jobs.callback_targets import open_callback_targets
from trellis.gateway.jobs.safe_address import AddressRefused
from trellis.gateway.settings import Settings

SETTINGS = Settings(
    _env_file=None,
    routing_table_file=Path("table.json"),
    callback_allow="127.0.0.0/8",
    callback_ports="9000",
)


async def test_the_settings_say_where_callbacks_may_go() -> None:
    async with open_callback_targets(SETTINGS) as targets:
        await targets.rules.check("http://127.0.0.1:9000/hook", targets.resolver)
        for url in ("http://10.0.0.1:9000/hook", "http://127.0.0.1:80/hook"):
            with pytest.raises(AddressRefused):
                await targets.rules.check(url, targets.resolver)


async def test_lookups_end_with_the_process() -> None:
    async with open_callback_targets(SETTINGS) as targets:
        assert await targets.resolver.resolve("127.0.0.1")
    with pytest.raises(RuntimeError, match="shutdown"):
        await targets.resolver.resolve("127.0.0.1")
