"""Everything about the controller that can be set: by flag, by ``TRELLIS_*``, by ``.env``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from trellis.web.signing import WebhookSigner

Port = Annotated[int, Field(ge=0, le=65535)]
RedisPrefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
ObjectName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]


def _signs(secret: SecretStr) -> SecretStr:
    WebhookSigner(secret.get_secret_value())
    return secret


def _are_urls(urls: SecretStr) -> SecretStr:
    for place, url in enumerate(urls.get_secret_value().split(), 1):
        if not url.startswith(("http://", "https://")):
            # The address is not repeated: its path can be a secret.
            raise ValueError(f"address {place} must begin with http:// or https://")
    return urls


NotificationUrls = Annotated[SecretStr, AfterValidator(_are_urls)]
NotificationSecret = Annotated[SecretStr, AfterValidator(_signs)]


class Settings(BaseSettings):
    """The controller's settings; a flag wins over the environment, which wins over ``.env``."""

    model_config = SettingsConfigDict(
        env_prefix="TRELLIS_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    namespace: str = Field("", description="the only namespace it looks after; empty: all")
    pod_namespace: str = Field(
        "",
        description="the namespace it runs in, where its Secret and Service are, and whose gateways it serves; empty: that of its service account",
    )
    host: str = Field("0.0.0.0", description="address to listen on")  # noqa: S104 - a pod's front door
    http_port: Port = Field(
        8090, description="port of its HTTP: /health, /metrics and what people ask"
    )
    table_config_map: ObjectName = Field(
        "trellis-controller-table",
        description="name of the ConfigMap that keeps the routing table, in the namespace whose gateways it serves",
    )
    controller_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="what a caller of its HTTP must show, but for /health and /metrics; without it nothing else answers",
    )
    webhook_port: Port = Field(
        9443, description="port of the admission webhook, HTTPS; 0: any that is free"
    )
    webhook: bool = Field(True, description="whether the admission webhook is served")
    webhook_certificate: Literal["self-made"] | Path = Field(
        "self-made",
        union_mode="left_to_right",
        description="`self-made`: kept in a Secret and renewed; else a folder with tls.crt and tls.key, read again when they change",
    )
    webhook_service: ObjectName = Field(
        "trellis-controller", description="name of the Service that the API server calls it by"
    )
    webhook_configuration: ObjectName = Field(
        "trellis-controller",
        description="name of the MutatingWebhookConfiguration that gets a self-made certificate's caBundle",
    )
    metrics_source: Literal["scrape", "prometheus"] = Field(
        "scrape", description="where the counters of revisions come from: their pods, or Prometheus"
    )
    prometheus_url: str | None = Field(
        None, pattern=r"^https?://\S+$", description="Prometheus' address"
    )
    scrape_interval: float = Field(
        5.0, ge=1, le=300, description="seconds between two looks at a rollout that has traffic"
    )
    redis_url: SecretStr | None = Field(
        None, description="the durable Redis, where gateways leave exposures and outcomes"
    )
    redis_prefix: RedisPrefix = Field(
        "trellis", description="what every key begins with, where others use the same Redis"
    )
    notification_urls: NotificationUrls | None = Field(
        None,
        description="addresses, separated by spaces, that are told of every step of a rollout (CloudEvents)",
    )
    notification_secret: NotificationSecret | None = Field(
        None,
        description="signs notifications: `whsec_` and the base64 of 24 to 64 random bytes, several separated by spaces while receivers change; without it they are not signed",
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.metrics_source == "prometheus" and self.prometheus_url is None:
            raise ValueError("metrics_source is prometheus, so prometheus_url must be set")
        return self


def read_settings(argv: Sequence[str]) -> Settings:
    """Settings from flags, environment and ``.env``.

    Raises ``pydantic.ValidationError`` on a value that does not fit, ``SystemExit`` on an
    unknown flag or ``--help``.
    """
    return Settings(_cli_parse_args=list(argv), _cli_prog_name="python -m trellis.rollout")
