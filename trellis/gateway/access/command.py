"""``trellis keys``: make, list and revoke API keys, in the Redis that the gateways read them from."""

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Sequence

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from redis import RedisError

from trellis.gateway.access.callers import SCOPES
from trellis.gateway.access.key_store import KeyStore
from trellis.gateway.access.keys import KeyRecord, StoredKey, new_key
from trellis.gateway.redis_clients import durable_redis
from trellis.gateway.settings import RedisPrefix

_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class _Settings(BaseSettings):
    """Where the keys are: as the gateway's settings of the same names."""

    model_config = SettingsConfigDict(
        env_prefix="TRELLIS_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    redis_url: SecretStr | None = None
    redis_prefix: RedisPrefix = "trellis"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the three; 1 where Redis does not answer or there is no such key, 2 on misuse."""
    options = _parser().parse_args(argv)
    given = {
        name: value
        for name in ("redis_url", "redis_prefix")
        if (value := getattr(options, name)) is not None
    }
    try:
        settings = _Settings(**given)
        if settings.redis_url is None:
            return _complain("no Redis is named; give --redis_url or TRELLIS_REDIS_URL", 2)
        return asyncio.run(_run(options, settings.redis_url, settings.redis_prefix))
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            _complain(f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}", 2)
        return 2
    except (RedisError, OSError, ValueError) as error:
        return _complain(f"Redis: {error}", 1)


async def _run(options: argparse.Namespace, url: SecretStr, prefix: str) -> int:
    redis = durable_redis(url.get_secret_value(), max_connections=4)
    try:
        store = KeyStore(redis, prefix)
        if options.action == "create":
            return await _create(store, options)
        if options.action == "list":
            return await _list(store)
        return await _revoke(store, options.ids)
    finally:
        await redis.aclose()


async def _create(store: KeyStore, options: argparse.Namespace) -> int:
    text, key_id, salt, digest = new_key()
    now = (await store.look()).now
    record = KeyRecord(
        id=key_id,
        salt=salt,
        digest=digest,
        name=options.name,
        scopes=options.scopes,
        models=options.models,
        rate=options.rate,
        burst=options.burst,
        created_at=now,
        expires_at=None if options.expires is None else now + options.expires,
    )
    await store.create(record)
    sys.stdout.write(f"{text}\n")
    sys.stderr.write(f"key {key_id} for {options.name!r}; it is not shown again\n")
    return 0


async def _list(store: KeyStore) -> int:
    keys = await store.all()
    now = (await store.look()).now
    rows: list[tuple[str, ...]] = [
        ("ID", "NAME", "SCOPES", "MODELS", "RATE", "CREATED", "EXPIRES", "LAST USED", "STATE")
    ]
    rows += [_row(key, now) for key in keys]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    return 0


async def _revoke(store: KeyStore, ids: Sequence[str]) -> int:
    status = 0
    for key_id in ids:
        if await store.revoke(key_id):
            sys.stdout.write(f"{key_id} revoked\n")
        else:
            status = _complain(f"no key {key_id!r}", 1)
    return status


def _row(key: StoredKey, now: float) -> tuple[str, ...]:
    record = key.record
    rate = (
        "usual" if record.rate is None else "no limit" if record.rate == 0 else f"{record.rate:g}/s"
    )
    return (
        record.id,
        "".join(character if character.isprintable() else "?" for character in record.name),
        ",".join(sorted(record.scopes)),
        "all" if record.models is None else ",".join(sorted(record.models)),
        rate if record.burst is None else f"{rate}, {record.burst} at once",
        _day(record.created_at),
        _day(record.expires_at),
        _day(key.last_used_at),
        key.state(now),
    )


def _day(at: float | None) -> str:
    return "never" if at is None else time.strftime("%Y-%m-%d %H:%M", time.gmtime(at))


def _complain(sentence: str, status: int) -> int:
    sys.stderr.write(f"trellis keys: {sentence}\n")
    return status


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(",") if word.strip())


def _scopes(text: str) -> frozenset[str]:
    words = _words(text)
    if not words or words - SCOPES:
        raise argparse.ArgumentTypeError(f"{text!r}, expected some of {', '.join(sorted(SCOPES))}")
    return words


def _span(text: str) -> float:
    match = re.fullmatch(r"([1-9]\d{0,5})([mhdw])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a span such as 12h, 30d or 8w")
    return int(match[1]) * float(_UNITS[match[2]])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trellis keys", description=__doc__.partition(":")[2])
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--redis_url", help="the durable Redis; else TRELLIS_REDIS_URL")
    shared.add_argument("--redis_prefix", help="what every key of Redis begins with")
    actions = parser.add_subparsers(dest="action", required=True, metavar="create|list|revoke")
    create = actions.add_parser("create", parents=[shared], help="make a key and show it once")
    create.add_argument("--name", required=True, help="whose it is, for the list")
    create.add_argument(
        "--scopes",
        type=_scopes,
        default=frozenset({"infer"}),
        help=f"comma-separated: {', '.join(sorted(SCOPES))} (default infer)",
    )
    create.add_argument("--models", type=_words, help="names or * globs, comma-separated")
    create.add_argument("--expires", type=_span, help="span until it expires: 12h, 30d, 8w")
    create.add_argument("--rate", type=float, help="requests a second, 0 for no limit")
    create.add_argument("--burst", type=int, help="requests at once")
    actions.add_parser("list", parents=[shared], help="all keys, without what opens anything")
    revoke = actions.add_parser("revoke", parents=[shared], help="refuse keys from now on")
    revoke.add_argument("ids", nargs="+", metavar="ID", help="as the list shows it")
    return parser
