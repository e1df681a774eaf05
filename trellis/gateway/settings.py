"""Everything about the gateway that can be set: by flag, by ``TRELLIS_*``, by ``.env``."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=0, le=65535)]
HeaderName = Annotated[
    str, StringConstraints(to_lower=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$")
]


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
    routing_table_url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="where the routing table is fetched and followed (ETag and long-poll)",
    )
    routing_table_file: Path | None = Field(
        None,
        description="routing table as a JSON file, read again when it changes; with a URL too, only until that first answers",
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
    max_body_bytes: int = Field(32 * 2**20, ge=1, description="largest request body")
    max_inflight_requests: int = Field(
        1024, ge=1, description="requests at once; more are answered 503"
    )
    drain_delay: float = Field(
        0.0,
        ge=0,
        description="seconds between readiness going false at SIGTERM and closing the ports",
    )
    grace_period: float = Field(
        30.0, ge=0, description="seconds that requests in flight get to finish at SIGTERM"
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
        return self


def read_settings(argv: Sequence[str]) -> Settings:
    """Settings from flags, environment and ``.env``.

    Raises ``pydantic.ValidationError`` on a value that does not fit, ``SystemExit`` on an
    unknown flag or ``--help``.
    """
    return Settings(_cli_parse_args=list(argv), _cli_prog_name="python -m trellis.gateway")
