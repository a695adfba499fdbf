"""The settings. They are read from environment variables that start with `UPWARD_`; Temporal's own, such as
`TEMPORAL_ADDRESS`, are read by its SDK."""

from functools import lru_cache
from typing import Annotated

from pydantic import AliasChoices, Field, IPvAnyNetwork, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All settings. They are read once, when a process starts. docs/production.md has a table of them."""

    model_config = SettingsConfigDict(env_prefix="UPWARD_", extra="ignore", populate_by_name=True)

    database_url: str = Field(
        default="postgresql+psycopg://upward:upward@127.0.0.1:5432/upward",
        validation_alias=AliasChoices("UPWARD_DATABASE_URL", "DATABASE_URL"),
    )
    """The URL that the services and Alembic connect to. `postgres://` and `postgresql://` use psycopg 3, too."""
    database_pool_size: int = 10
    public_url: str = "http://127.0.0.1:8080"
    """The address at which people reach the console. Every link in a message starts with it."""
    service_token: SecretStr = SecretStr("")
    """The secret by which Upward's services know each other at `/internal` addresses. It has at least 32 characters."""
    service_urls: dict[str, str] = {}
    """The base URL of each service that runs in another process, as JSON. A service that is not named is called in this
    process."""
    smtp_host: str = "127.0.0.1"
    smtp_port: int = 1025
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_starttls: bool = False
    smtp_timeout_seconds: float = 20
    smtp_connections: int = Field(default=12, ge=1, le=100)
    """How many connections to the mail server a process that sends has at once, at most."""
    mail_from: str = "Upward <programs@upward.example>"
    mail_domain: str = "upward.example"
    """The part of every Message-ID after the @."""
    security_contact: Annotated[str, StringConstraints(pattern=r"^((https://|mailto:|tel:)[!-~]+)?$")] = ""
    """Whom to tell about a weakness: a URL that begins with `https://`, `mailto:` or `tel:`. Everybody can read it at
    `/.well-known/security.txt`, which is not there if it is empty."""
    host: str = "127.0.0.1"
    port: int = 8080
    worker_port: int = 0
    """The port of `host` on which a worker serves `/livez` and `/readyz`; 0 for none."""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    """The networks of proxies, and of Upward's own services in other processes, whose `X-Forwarded-For` is believed, as
    JSON, such as `["172.30.0.0/24"]`. No client may be in them. Without any, a request comes from whoever connects."""
    deployment: str = Field(default="", pattern="^[A-Za-z0-9_-]{0,60}$")
    """The name of the Worker Deployment in Temporal whose versions the workers of the workflows are. Empty if they have
    no versions."""
    build_id: str = Field(default="", pattern="^[A-Za-z0-9_.-]{0,60}$")
    """The version of the worker of the workflows. By default it is made from the code of the workflows."""
    webhook_development_networks: tuple[IPvAnyNetwork, ...] = ()
    """For development only: internal networks in which endpoints are allowed, also without TLS, as JSON, such as
    `["127.0.0.0/8"]`. Leave it empty in production."""
    metrics: bool = False
    """Whether `/metrics` is served, for Prometheus."""
    otlp_url: str = ""
    """The base URL of a collector that takes OTLP over HTTP, such as `http://collector:4318`. Empty for none."""
    events_retention_days: int = Field(default=90, ge=35)
    """How many days events are kept, at least. This is longer than the 30 days for which a failed delivery is kept."""
    history_days: int = Field(default=1095, ge=800)
    """How many days messages, the recipients of closed rounds and the inputs of match runs are kept, at least. This is
    longer than the longest cycle, of two years."""
    log_format: str = "json"
    """`json` or `console`."""
    log_level: str = "INFO"


@lru_cache
def settings() -> Settings:
    return Settings()
