"""The path of a request, the same for every protocol: find the version, decode, batch, encode."""

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter

from trellis.serving.admission import Admission
from trellis.serving.batching import total_rows
from trellis.serving.decoding import DecodeThreads
from trellis.serving.errors import DeadlineExceeded, Fault, ServingError
from trellis.serving.loaded import LoadedVersion
from trellis.serving.repository import Repository
from trellis.serving.types import Tensors

Reader = Callable[[LoadedVersion], Tensors]

#: Reading a body above this size takes about a millisecond and leaves the event loop.
LARGE_BODY = 64 * 1024


class DataPlane:
    """Answers requests whose wire form the protocols have taken off.

    Parameters: ``repository``; ``admission``; ``threads``, for decoding; ``timeout``, seconds.
    """

    def __init__(
        self, repository: Repository, admission: Admission, threads: int, timeout: float
    ) -> None:
        self.repository = repository
        self.admission = admission
        self._timeout = timeout
        self._decoding = DecodeThreads(threads)

    async def lease(self, model: str, version: str | None, *, fallback: bool) -> LoadedVersion:
        """The version that answers, leased: the caller releases it.

        Raises ``NotFound``, ``NotReady``, and ``DeadlineExceeded`` where loading takes too long.
        """
        key = self.repository.resolve(model, version, fallback=fallback)
        if (loaded := self.repository.in_memory(key)) is not None:
            loaded.lease()
            return loaded
        try:
            async with asyncio.timeout(self._timeout):
                return await self.repository.lease(key)
        except TimeoutError:
            raise DeadlineExceeded(
                f"version {key[1]!r} of model {key[0]!r} was not loaded within the deadline "
                f"of {self._timeout:g} s"
            ) from None

    async def compute(
        self,
        loaded: LoadedVersion,
        read: Reader,
        size: int,
        timeout: float | None = None,
        gone: Callable[[], bool] | None = None,
    ) -> Tensors:
        """Outputs for one request.

        ``read`` turns its body, of ``size`` bytes, into tensors that fit the signature;
        ``timeout``, in seconds, shortens the deadline; ``gone`` tells whether nobody waits any
        more. Raises ``ServingError``.
        """
        started = perf_counter()
        limit = self._timeout if timeout is None else min(timeout, self._timeout)
        try:
            if loaded.predictor.decode_off_loop or size > LARGE_BODY:
                async with asyncio.timeout(limit):
                    decoded, rows = await self._decoding.submit(partial(_decode, loaded, read))
            else:
                decoded, rows = _decode(loaded, read)
            spent = perf_counter() - started
            loaded.observed.decoded(spent)
            return await loaded.batcher.submit(decoded, rows, max(0.0, limit - spent), gone)
        except (TimeoutError, DeadlineExceeded):
            raise DeadlineExceeded(f"no answer within the deadline of {limit:.3g} s") from None
        except ServingError:
            raise
        except Exception as error:
            raise Fault("the prediction failed") from error

    def close(self) -> None:
        """Stop the decoding threads."""
        self._decoding.close()


def _decode(loaded: LoadedVersion, read: Reader) -> tuple[Tensors, int]:
    decoded = loaded.predictor.decode(read(loaded))
    return decoded, total_rows(decoded)
