"""Settings of a predictor process: flags, ``TRELLIS_*`` environment, ``.env``, in this order.

Flags that KServe's server has keep its names.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, CliPositionalArg, NoDecode, SettingsConfigDict

from trellis.contracts.model_yaml import EngineName


class ServingSettings(BaseSettings):
    """One predictor process; times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix="TRELLIS_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        cli_prog_name="trellis serve",
        cli_implicit_flags=False,
        cli_avoid_json=True,
        cli_hide_none_type=True,
        populate_by_name=True,
    )

    path: CliPositionalArg[Path | None] = Field(
        None, description="a version folder, a model's folder, or a folder of models"
    )
    model_dir: Path = Field(
        Path("/mnt/models"), description="the same as PATH, as KServe's runtimes pass it"
    )
    model_name: str | None = Field(
        None, description="the name a single model answers to (default: its own)"
    )
    default_versions: dict[str, str] = Field(
        {}, description="default version by model (default: the highest)"
    )
    predictor_packages: Annotated[tuple[str, ...], NoDecode] = Field(
        ("predictors",),
        description="packages that predictor classes may come from, separated by commas",
    )
    engine: EngineName | None = Field(None, description="another engine than model.yaml prefers")
    threads: int | None = Field(
        None, ge=1, description="threads of an engine (default: the CPUs this process may use)"
    )

    host: str = Field("0.0.0.0", description="address to listen on")  # noqa: S104 - as KServe, a pod's all addresses
    http_port: int = Field(8080, ge=1, le=65535, description="port of REST")
    grpc_port: int = Field(8081, ge=1, le=65535, description="port of gRPC")
    enable_grpc: bool = Field(True, description="listen for gRPC")
    workers: int = Field(1, ge=1, description="processes that share the ports and one metrics page")
    timeout_keep_alive: int = Field(
        65,
        ge=1,
        validation_alias=AliasChoices(
            "timeout_keep_alive", "timeout-keep-alive", "TRELLIS_TIMEOUT_KEEP_ALIVE"
        ),
        description="seconds an idle connection stays open; longer than the proxy in front keeps it",
    )
    ssl_certfile: Path | None = Field(None, description="certificate: REST and gRPC speak TLS")
    ssl_keyfile: Path | None = Field(None, description="private key of the certificate")
    grpc_max_send_message_length: int = Field(
        64 * 1024 * 1024, ge=1, description="largest gRPC answer"
    )

    loading: Literal["eager", "lazy"] = Field(
        "eager", description="load every version at the start, or on first use"
    )
    max_loaded_versions: int = Field(
        16, ge=1, description="versions in memory; the least recently used goes first"
    )

    max_inflight_requests: int = Field(
        1024, ge=1, description="accepted and unanswered; one more gets 429"
    )
    max_inflight_bytes: int = Field(
        256 * 1024 * 1024, ge=1, description="bodies of these requests together; more get 429"
    )
    max_queue_rows: int = Field(
        4096, ge=1, description="rows of a version that may wait for a batch; then 429"
    )
    max_request_rows: int = Field(1024, ge=1, description="rows of one request; more get 413")
    max_batch_rows: int = Field(256, ge=1, description="rows that are computed together")
    batch_latency_target: float = Field(
        0.01, gt=0, description="a batch is kept to what computes within this"
    )
    request_timeout: float = Field(60.0, gt=0, description="deadline; then 504")
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1, description="a larger body gets 413")

    drain_delay: float = Field(
        0.0, ge=0, description="between readiness going false and refusing connections"
    )
    grace_period: float = Field(
        30.0, gt=0, description="for accepted requests to end after SIGTERM"
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error"
    )
    access_log: bool = Field(False, description="one line a request")
    revision: str | None = Field(
        None,
        validation_alias=AliasChoices("revision", "TRELLIS_REVISION", "K_REVISION"),
        description="the revision's name in headers and metrics (default: the version's)",
    )

    @field_validator("predictor_packages", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.ssl_certfile is None) != (self.ssl_keyfile is None):
            raise ValueError("ssl_certfile and ssl_keyfile go together, one of them is missing")
        return self

    @property
    def folder(self) -> Path:
        """What to serve."""
        return self.path or self.model_dir
