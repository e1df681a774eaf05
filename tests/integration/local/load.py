"""Requests from many users at once, each on a connection of its own, until told to stop."""

import asyncio
import json
import random
from collections import Counter, defaultdict

import aiohttp

from tests.integration.beside import AsyncBeside
from tests.integration.local.conftest import BODY, version_that_said


class Load(AsyncBeside):
    """A context that sends while it is open; then counts of answers, versions and failures.

    ``refused`` are connections that nobody took, so no request was accepted; ``broken`` are
    requests that were accepted and not answered.
    """

    def __init__(self, url: str, workers: int = 4, users: int = 200) -> None:
        self._url = url + "/v2/models/diabetes/infer"
        self._workers, self._users = workers, users
        self.codes: Counter[int] = Counter()
        self.refused = 0
        self.broken: list[str] = []
        self.versions: Counter[str] = Counter()
        self.by_user: dict[str, list[str]] = defaultdict(list)

    @property
    def failures(self) -> int:
        """Requests without an answer of 200."""
        bad = sum(count for code, count in self.codes.items() if code != 200)
        return bad + self.refused + len(self.broken)

    async def _send(self) -> None:
        timeout = aiohttp.ClientTimeout(total=60)
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            await asyncio.gather(*(self._work(session, seed) for seed in range(self._workers)))

    async def _work(self, session: aiohttp.ClientSession, seed: int) -> None:
        draw = random.Random(seed)
        while not self._stop.is_set():
            user = f"user-{draw.randrange(self._users)}"
            try:
                async with session.post(
                    self._url, data=BODY, headers={"x-unit-id": user}
                ) as answer:
                    content = await answer.read()
            except aiohttp.ClientConnectorError:
                self.refused += 1
                await asyncio.sleep(0.02)
            except (aiohttp.ClientError, TimeoutError) as error:
                self.broken.append(repr(error))
            else:
                self.codes[answer.status] += 1
                if answer.status == 200:
                    version = version_that_said(json.loads(content))
                    self.versions[version] += 1
                    self.by_user[user].append(version)
            await asyncio.sleep(0.02)
