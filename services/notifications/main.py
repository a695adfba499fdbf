"""Wiring of notifications."""

from services.notifications.api import messages, wordings
from services.notifications.worker import create_activities
from shared.http.routing import joined

__all__ = ["create_activities", "router"]

router = joined(messages.router, wordings.router, wordings.internal)
