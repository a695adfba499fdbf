"""Wiring of the events service: the feed, the catalogue and the endpoints."""

from services.events.api import catalogue, deliveries, endpoints, feed, lag
from services.events.worker import create_activities, create_relay, create_sender
from shared.http.routing import joined

__all__ = ["create_activities", "create_relay", "create_sender", "router", "webhooks"]

router = joined(feed.router, feed.history_router, catalogue.router, endpoints.router, deliveries.router, lag.router)
webhooks = catalogue.describe_webhooks()
