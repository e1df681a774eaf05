"""Settings of `trellis up`: flags, ``TRELLIS_*`` environment, ``.env``, in this order."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from trellis.local.validate import add_paths
from trellis.rollout.settings import NotificationSecret, NotificationUrls

_SHORTEST_SECRET = 16


class UpSettings(BaseSettings):
    """One local run."""

    model_config = SettingsConfigDict(
        env_prefix="TRELLIS_",
        env_file=".env",
        extra="ignore",
        env_ignore_empty=True,  # .env.example, uncommented
    )

    host: str = Field(
        "127.0.0.1", description="address of the gateway; 0.0.0.0 lets other machines in"
    )
    http_port: int = Field(8080, ge=1, le=65535, description="the web page and REST")
    grpc_port: int = Field(8081, ge=1, le=65535, description="gRPC")
    metrics_port: int = Field(8083, ge=1, le=65535, description="the gateway's metrics")
    state: Path = Field(Path(".trellis"), description="folder of revisions, traffic and logs")
    default_model: str | None = Field(
        None, description="model of /predict (default: the first InferenceService)"
    )
    redis_url: SecretStr | None = Field(
        None,
        exclude=True,  # it may hold a password
        description="a durable Redis of yours (default: one is started, with its data in the state)",
    )
    cache_redis_url: SecretStr | None = Field(
        None,
        exclude=True,
        description="a Redis of yours that may forget (default: one is started)",
    )
    cookie_secret: SecretStr | None = Field(
        None,
        exclude=True,  # no flag: a command line is for all to see
        description="signs the gateway's cookie (default: one made once and kept in the state)",
    )

    notification_urls: NotificationUrls | None = Field(
        None,
        exclude=True,  # a path can be a secret
        description="addresses, separated by spaces, that are told of every step of a rollout (CloudEvents)",
    )
    notification_secret: NotificationSecret | None = Field(
        None,
        exclude=True,
        description="signs notifications: `whsec_` and the base64 of 24 to 64 random bytes, several separated by spaces; without it they are not signed",
    )

    @field_validator("cookie_secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        # The gateway would say so too, at each of its starts.
        if secret is not None and len(secret) < _SHORTEST_SECRET:
            raise PydanticCustomError(
                "short_secret",
                "has {came} characters; expected {least} or more, which nobody can guess",
                {"came": len(secret), "least": _SHORTEST_SECRET},
            )
        return secret


def read_settings(argv: Sequence[str]) -> tuple[list[Path], Path, UpSettings]:
    """Manifest paths, the models folder, and the settings.

    Raises ``pydantic.ValidationError`` on a value that does not fit, ``SystemExit`` on an
    unknown flag or ``--help``.
    """
    parser = argparse.ArgumentParser(
        prog="trellis up",
        description="Run InferenceServices on this machine: one process a revision, the gateway"
        " in front; edit the YAML to roll a version out. Ctrl-C drains and stops.",
    )
    add_paths(parser)
    for name, field in UpSettings.model_fields.items():
        if field.exclude:
            continue
        kind = int if field.annotation is int else str
        default = "" if field.default is None else f" (default: {field.default})"
        parser.add_argument(
            f"--{name}",
            type=kind,
            default=argparse.SUPPRESS,
            metavar=name.rsplit("_", 1)[-1].upper(),
            help=f"{field.description}{default}",
        )
    given = vars(parser.parse_args(argv))
    paths, models = given.pop("paths"), given.pop("models")
    return paths, models, UpSettings(**given)
