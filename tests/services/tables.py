"""Makes every table known to the metadata."""

import importlib
import pkgutil

import services
import shared


def import_tables() -> None:
    """Imports every `models` module, so that `Base.metadata` is whole."""
    for name in ("shared.auth", "shared.events", "shared.http.idempotency", "shared.rounds.models"):
        importlib.import_module(name)
    for package in pkgutil.iter_modules(services.__path__, "services."):
        for module in pkgutil.iter_modules(importlib.import_module(package.name).__path__):
            if module.name.startswith("models"):
                importlib.import_module(f"{package.name}.{module.name}")
    assert shared.__path__
