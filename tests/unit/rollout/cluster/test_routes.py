import asyncio
from dataclasses import dataclass

from aiohttp import ClientSession, web

from trellis.contracts.routing_table import RoutingTable
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.routes import ServiceHosts
from trellis.rollout.http.tables import TableServer
from trellis.rollout.seen import RevisionSeen, ServiceSeen


@dataclass(frozen=True)
class Named:
    key: Key


class Services:
    """Two services; the version of one is no name that a table can hold."""

    services = (Named(("farm", "bean")), Named(("farm", "tomato")))

    def seen(self, key: Key) -> ServiceSeen:
        version = "v1" if key[1] == "tomato" else "bean:v1"
        name = f"{key[1]}-1"
        return ServiceSeen(
            name=key[1],
            token="1",
            wanted_version=version,
            wanted_identity="i",
            created=name,
            ready=name,
            rolled_out=name,
            revisions={name: RevisionSeen(name, version, "i", 1.0, ready=True)},
        )

    def knative_name(self, key: Key) -> str:
        return f"{key[1]}-predictor"


def test_a_service_that_no_table_can_hold_leaves_the_others_theirs() -> None:
    async def offered() -> RoutingTable:
        server = TableServer()
        application = web.Application()
        application.add_routes(server.routes())
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            await ServiceHosts(Services(), "farm", server).renew()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/routing-table"
            async with ClientSession() as session, session.get(url) as answer:
                return RoutingTable.model_validate_json(await answer.text())
        finally:
            await runner.cleanup()

    assert set(asyncio.run(offered()).models) == {"tomato"}
