"""Settings, from environment variables that start with `UPWARD_` (Temporal's own: `TEMPORAL_ADDRESS` and the like)."""

from functools import lru_cache

from pydantic import AliasChoices, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read once at start; nothing is read at import. docs/production.md has a table of them."""

    model_config = SettingsConfigDict(env_prefix="UPWARD_", extra="ignore", populate_by_name=True)

    database_url: str = Field(
        default="postgresql+psycopg://upward:upward@127.0.0.1:5432/upward",
        validation_alias=AliasChoices("UPWARD_DATABASE_URL", "DATABASE_URL"),
    )
    """One URL for the services and for Alembic; `postgres://` and `postgresql://` mean psycopg 3."""
    database_pool_size: int = 10
    public_url: str = "http://127.0.0.1:8080"
    """Where participants reach the console: the start of every link in a message."""
    service_token: SecretStr = SecretStr("")
    """The credential of Upward's own services for `/internal` reads; at least 32 characters."""
    service_urls: dict[str, str] = {}
    """Base URL of each service that runs elsewhere, as JSON; a service not named runs in this process."""
    smtp_host: str = "127.0.0.1"
    smtp_port: int = 1025
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_starttls: bool = False
    smtp_timeout_seconds: float = 20
    mail_from: str = "Upward <programs@upward.example>"
    mail_domain: str = "upward.example"
    """The right side of every Message-ID."""
    host: str = "127.0.0.1"
    port: int = 8080
    webhook_development_networks: tuple[IPvAnyNetwork, ...] = ()
    """For development only: networks that endpoints may be in although they are internal, and without TLS, as JSON:
    `["127.0.0.0/8"]`. Leave it empty in production."""
    events_retention_days: int = Field(default=90, ge=35)
    """How long events are kept, at least; longer than a delivery that failed, which is kept for 30 days."""
    log_format: str = "json"
    """`json` or `console`."""
    log_level: str = "INFO"


@lru_cache
def settings() -> Settings:
    return Settings()
