import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from trellis.gateway.jobs.safe_address import AddressRefused, AddressRules, HostLookup


class Answers(AbstractResolver):
    """A name server that says each of its answers once, and the last for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


class Sink:
    """A real HTTP server on every loopback address, whom nobody should reach."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.port = 0

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append((request.path, request.headers["host"]))
        return web.Response()


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    taken = Sink()
    runner = web.ServerRunner(web.Server(taken.take))  # type: ignore[arg-type]  # a handler of web.Request
    await runner.setup()
    listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    taken.port = listener.getsockname()[1]
    await web.SockSite(runner, listener).start()
    yield taken
    await runner.cleanup()


async def test_one_address_inside_among_public_ones_is_enough_to_refuse() -> None:
    rules = AddressRules("", "443")
    await rules.check("https://hook.example/", Answers(["8.8.8.8", "2606:4700::1"]))
    with pytest.raises(AddressRefused, match="no public address"):
        await rules.check("https://hook.example/", Answers(["8.8.8.8", "10.0.0.1"]))


async def test_a_name_that_does_not_resolve_is_refused_as_one_that_leads_inside() -> None:
    lookup = HostLookup()
    rules = AddressRules("", "443")
    sentences = []
    for url in ("https://nothing.invalid/", "https://localhost/", "https://a..b/"):
        with pytest.raises(AddressRefused) as refused:
            await rules.check(url, lookup)
        sentences.append(str(refused.value).partition("'")[0])
    await lookup.close()
    assert set(sentences) == {"its host "}


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "localhost"]
)
async def test_however_loopback_is_written_no_socket_is_made_for_it(host: str, sink: Sink) -> None:
    lookup = HostLookup()
    rules = AddressRules("", "*")
    with pytest.raises(AddressRefused):
        await rules.check(f"http://{host}:{sink.port}/", lookup)
    assert not await reached(rules, host.strip("[]"), f"http://{host}:{sink.port}/", lookup)
    await lookup.close()
    assert sink.requests == []


async def test_a_name_that_is_bound_anew_after_the_check_reaches_nothing(sink: Sink) -> None:
    rules = AddressRules("", "*")
    url = f"http://rebound.example:{sink.port}/"
    names = Answers(["93.184.216.34"], ["127.0.0.1"])
    await rules.check(url, names)
    assert not await reached(rules, "rebound.example", url, names)
    assert names.asked == 2
    assert sink.requests == []


async def test_an_allowed_name_is_connected_to(sink: Sink) -> None:
    rules = AddressRules("hooks.example", "*")
    url = f"http://hooks.example:{sink.port}/x"
    assert await reached(rules, "hooks.example", url, Answers(["127.0.0.1"]))
    assert sink.requests == [("/x", f"hooks.example:{sink.port}")]


async def reached(rules: AddressRules, host: str, url: str, resolver: AbstractResolver) -> bool:
    async with aiohttp.ClientSession(connector=rules.connector(host, resolver)) as session:
        try:
            async with session.post(url, allow_redirects=False) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False
