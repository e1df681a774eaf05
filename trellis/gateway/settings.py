"""Everything about the gateway that can be set: by flag, by ``TRELLIS_*``, by ``.env``."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from trellis.gateway.access.bucket import PerSecond
from trellis.gateway.allowed_hosts import HostNames
from trellis.gateway.jobs.safe_address import AddressRules
from trellis.web.signing import WebhookSigner

Port = Annotated[int, Field(ge=0, le=65535)]
HeaderName = Annotated[
    str, StringConstraints(to_lower=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$")
]
RedisPrefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]


def _signs(secret: SecretStr) -> SecretStr:
    WebhookSigner(secret.get_secret_value())
    return secret


def _fits_a_header(secret: SecretStr) -> SecretStr:
    if not all("!" <= letter <= "~" for letter in secret.get_secret_value()):
        msg = "it has a space, or a character that no header may hold; expected visible ASCII ones"
        raise ValueError(msg)
    return secret


def _names_addresses(allowed: str) -> str:
    AddressRules(allowed, "*")
    return allowed


def _names_hosts(names: str) -> str:
    HostNames(names)
    return names


def _names_ports(ports: str) -> str:
    AddressRules("", ports)
    return ports


class Settings(BaseSettings):
    """The gateway's settings; a flag wins over the environment, which wins over ``.env``."""

    model_config = SettingsConfigDict(
        env_prefix="TRELLIS_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    host: str = Field("0.0.0.0", description="address to listen on")  # noqa: S104 - a pod's front door
    http_port: Port = Field(8080, description="port of REST and the pages")
    grpc_port: Port = Field(8081, description="port of gRPC")
    metrics_port: Port = Field(
        8083,
        description="port of the gateway's /metrics, which name versions: not for the ingress",
    )
    routing_table_url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="where the routing table is fetched and followed (ETag and long-poll)",
    )
    routing_table_file: Path | None = Field(
        None,
        description="routing table as a JSON file, read again when it changes; with a URL too, only until that first answers",
    )
    controller_url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="the controller's HTTP: models, experiments, activate and rollback",
    )
    controller_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="what the gateway shows the controller, and the routing table's server",
    )
    redis_url: SecretStr | None = Field(
        None,
        description="the durable Redis: jobs, events, keys, limits; without it those are not there",
    )
    cache_redis_url: SecretStr | None = Field(
        None, description="the Redis of the cache, which may forget; without it nothing is cached"
    )
    redis_prefix: RedisPrefix = Field(
        "trellis", description="what every key begins with, where others use the same Redis"
    )
    cache_seconds: float = Field(
        300.0,
        ge=0,
        description="how long an answer is cached where the routing table does not say; 0: not at all",
    )
    cache_max_bytes: int = Field(
        2**18, ge=0, description="largest body, of a request or an answer, that is cached"
    )
    cache_timeout: float = Field(
        0.01,
        gt=0,
        description="seconds that a request waits for the cache's Redis, once: then it is left alone until it answers a probe",
    )
    auth: Literal["open", "keys"] = Field(
        "open", description="who may ask: everybody, or whoever shows a key or an OIDC token"
    )
    allowed_hosts: Annotated[str, AfterValidator(_names_hosts)] = Field(
        "",
        description="host names that REST and the pages may be asked by (comma-separated, `*.example.com` too), besides localhost and addresses; empty: with keys every name, in open mode no other",
    )
    admin_key: Annotated[SecretStr, Field(min_length=32), AfterValidator(_fits_a_header)] | None = (
        Field(
            None,
            description="a key with every scope and no limit, good without Redis: to make the first keys with",
        )
    )
    key_rate: PerSecond = Field(
        100.0,
        description="requests a second of a key that was made without a rate of its own; 0: no limit",
    )
    key_burst: int = Field(
        200, ge=1, description="requests at once of a key that was made without a burst of its own"
    )
    address_rate: PerSecond = Field(
        0.0, description="requests a second of one address in open mode; 0: no limit"
    )
    address_burst: int = Field(200, ge=1, description="requests at once of one address")
    limits_when_down: Literal["open", "closed"] = Field(
        "open",
        description="what limits do while their Redis is away: let pass, or answer 503; keys never pass",
    )
    oidc_issuer: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="issuer whose bearer tokens are taken beside keys; its keys are found by discovery",
    )
    oidc_audience: str = Field(
        "trellis", min_length=1, description="audience that tokens must have"
    )
    oidc_algorithms: str = Field(
        "RS256,ES256",
        pattern=r"^[RE]S(256|384|512)(,[RE]S(256|384|512))*$",
        description="signatures that are taken, comma-separated: RS256 to ES512",
    )
    oidc_scope_claim: str = Field(
        "scope",
        min_length=1,
        description="claim that lists scopes, dots for claims inside claims: `realm_access.roles`",
    )
    oidc_scope_prefix: str = Field(
        "", description="what comes before `infer`, `feedback`, `admin` and `version` in that claim"
    )
    events_max_bytes: int = Field(
        64 * 2**20,
        ge=2**14,
        description="bytes in the durable Redis of exposures, and of outcomes, that the controller has not read; exposures beyond are dropped and counted",
    )
    events_index_bytes: int = Field(
        256 * 2**20,
        ge=2**14,
        description="bytes in the durable Redis for joining feedback to requests, some 400 for each in its attribution window; requests beyond three quarters can get none, the rest is for what was said",
    )
    events_buffer: int = Field(
        10_000,
        ge=1,
        description="exposures a process holds while the durable Redis is away; more are dropped and counted",
    )
    default_model: str | None = Field(
        None,
        description="model of /predict and of the page; else the table's default, else its first",
    )
    unit_header: HeaderName = Field(
        "x-unit-id", description="header that says whom an experiment assigns"
    )
    cookie_secret: SecretStr = Field(
        default_factory=lambda: SecretStr(secrets.token_urlsafe(32)),
        min_length=16,
        description="signs the cookie that keeps a visitor on one version; made anew at each start when not set, so replicas and restarts need it set",
    )
    request_timeout: float = Field(
        60.0, gt=0, description="seconds a request may take, from its arrival to its answer's end"
    )
    connect_wait: float = Field(
        15.0,
        ge=0,
        description="seconds a request waits for a predictor that refuses connections (one that restarts)",
    )
    eject_after: int = Field(
        5,
        ge=0,
        description="failures in a row after which an arm is left alone and the stable one answers its units; 0: never",
    )
    eject_seconds: float = Field(
        5.0,
        gt=0,
        description="seconds that an arm is left alone before it is probed; each time again it is twice as long, at most 5 minutes",
    )
    header_timeout: float = Field(
        10.0, gt=0, description="seconds in which a request's line and headers must arrive"
    )
    max_body_bytes: int = Field(32 * 2**20, ge=1, description="largest request body")
    max_inflight_requests: int = Field(
        1024, ge=1, description="requests at once; more are answered 503"
    )
    max_inflight_bytes: int = Field(
        256 * 2**20,
        ge=1,
        description="bodies that are read whole (of /predict and its answers, of jobs, for the cache) together; more get 503",
    )
    dashboard_source: Literal["auto", "prometheus", "local", "none"] = Field(
        "auto",
        description="where the dashboard's figures come from: Prometheus, or this process and the pages of a local run; auto: Prometheus where its URL is set",
    )
    prometheus_url: str | None = Field(
        None, pattern=r"^https?://\S+$", description="Prometheus' address, for the dashboard"
    )
    prometheus_namespace: str | None = Field(
        None,
        min_length=1,
        description="namespace that the dashboard shows, where Prometheus watches several",
    )
    dashboard_workers: str = Field(
        "",
        description="metrics pages of the workers of a local run, comma-separated, for the dashboard",
    )
    drain_delay: float = Field(
        0.0,
        ge=0,
        description="seconds between readiness going false at SIGTERM and closing the ports",
    )
    grace_period: float = Field(
        30.0, ge=0, description="seconds that requests in flight get to finish at SIGTERM"
    )
    job_max_body_bytes: int = Field(
        16 * 2**20, ge=1, description="largest body of a job's request, and of an answer it keeps"
    )
    job_backlog: int = Field(
        10_000, ge=1, description="jobs that may be unfinished at once; more are answered 429"
    )
    job_deadline: float = Field(
        3600.0, gt=0, description="seconds from a job's acceptance to the end of its last attempt"
    )
    job_result_seconds: int = Field(
        24 * 3600,
        ge=1,
        description="seconds that a finished job is kept, with its answer and its idempotency key",
    )
    job_dead_seconds: int = Field(
        7 * 24 * 3600, ge=1, description="seconds that a dead job is kept, with its request"
    )
    job_attempts: int = Field(
        8, ge=1, description="attempts after which a job that fails with 5xx is dead"
    )
    job_retry_seconds: float = Field(
        1.0,
        gt=0,
        description="longest pause after a first failed attempt; doubled each time, a random part of it is waited",
    )
    job_retry_max_seconds: float = Field(
        60.0, gt=0, description="longest pause between two attempts"
    )
    job_lease_seconds: float = Field(
        15.0,
        ge=0.5,
        description="seconds without a sign of life after which a worker's jobs go to another; renewed at a third",
    )
    worker_concurrency: int = Field(16, ge=1, description="jobs that one worker runs at once")
    worker_port: Port = Field(8082, description="port of a worker's /health and /metrics")
    callback_secret: Annotated[SecretStr, AfterValidator(_signs)] | None = Field(
        None,
        description="signs callbacks: `whsec_` and the base64 of 24 to 64 random bytes, several separated by spaces while receivers change; without it no callbacks",
    )
    callback_allow: Annotated[str, AfterValidator(_names_addresses)] = Field(
        "",
        description="host names, addresses and CIDR ranges (comma-separated) that callbacks may go to though they are not public",
    )
    callback_ports: Annotated[str, AfterValidator(_names_ports)] = Field(
        "80,443", description="ports that callbacks may go to (comma-separated, or *)"
    )
    callback_attempts: int = Field(
        14,
        ge=1,
        description="attempts after which a callback is given up: the first pause is up to 5 s, each next one up to twice as long, none over an hour",
    )
    trusted_proxies: str = Field(
        "127.0.0.1",
        description="addresses whose x-forwarded-proto is believed (comma-separated, or *)",
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.routing_table_url is None and self.routing_table_file is None:
            msg = "one of routing_table_url and routing_table_file must be set"
            raise ValueError(msg)
        if self.auth == "keys" and not (self.redis_url or self.admin_key or self.oidc_issuer):
            msg = "auth is keys, so one of redis_url, admin_key and oidc_issuer must be set"
            raise ValueError(msg)
        if self.dashboard_source == "prometheus" and self.prometheus_url is None:
            msg = "dashboard_source is prometheus, so prometheus_url must be set"
            raise ValueError(msg)
        if self.address_rate and self.redis_url is None:
            msg = "address_rate needs redis_url, where limits are counted"
            raise ValueError(msg)
        return self


def read_settings(argv: Sequence[str], program: str = "python -m trellis.gateway") -> Settings:
    """Settings from flags, environment and ``.env``.

    Raises ``pydantic.ValidationError`` on a value that does not fit, ``SystemExit`` on an
    unknown flag or ``--help``.
    """
    return Settings(_cli_parse_args=list(argv), _cli_prog_name=program)
