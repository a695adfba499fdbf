"""What a process answers that serves services."""

from collections.abc import Sequence

from starlette.applications import Starlette

from shared.config import Settings
from shared.contracts.base import Service
from shared.database import Database
from shared.http.application import add_metrics, create_application
from shared.telemetry.metrics import Exposition
from upward.composition import ROUTERS, WEBHOOKS, routers
from upward.release.schema import newest_migration


def create(
    settings: Settings, services: Sequence[Service], database: Database, exposition: Exposition | None
) -> Starlette:
    """The application of these services. `exposition` is what `/metrics` answers, if it is served."""
    # The document of the API describes all services. Their rooms are imported when somebody asks for it.
    app = create_application(
        routers(services),
        database,
        settings,
        webhooks=WEBHOOKS.values(),
        described=ROUTERS.values(),
        migration=newest_migration(),
    )
    if exposition is not None:
        add_metrics(app, exposition)
    return app
