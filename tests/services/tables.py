"""Makes every table known to the metadata."""

import importlib
import pkgutil

import services
import shared


def import_tables() -> None:
    """Imports every `models` module, so that `Base.metadata` is whole."""
    for name in ("shared.auth", "shared.events", "shared.health", "shared.http.idempotency", "shared.rounds.models"):
        importlib.import_module(name)
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if module.name.rpartition(".")[2].startswith("models"):
            importlib.import_module(module.name)
    assert shared.__path__
