"""What `upward doctor` makes of what it found."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from shared.config import Settings
from shared.contracts.base import Service
from shared.database import SCHEMAS
from upward.doctor.database import Facts, judge
from upward.doctor.findings import Verdict
from upward.doctor.settings import examine_settings
from upward.doctor.temporal import judge_retention

GOOD = Facts(
    version=18,
    role="upward",
    is_superuser=False,
    may_create=True,
    schemas=len(SCHEMAS),
    foreign_schemas=0,
    is_replica=False,
    encoding="UTF8",
    connections=400,
    skew=timedelta(seconds=1),
    migration="0002",
)
MIGRATIONS = ["0002", "0001"]
CONFIGURED: dict[str, Any] = {
    "public_url": "https://mentoring.example.com",
    "service_token": SecretStr("0123456789abcdef0123456789abcdef"),
    "mail_from": "Mentoring <mentoring@example.com>",
    "mail_domain": "example.com",
}


def said(**changes: Any) -> list[str]:
    """What is not in order of these settings, or of these facts."""
    if set(changes) <= set(Facts._fields):
        findings = judge(GOOD._replace(**changes), MIGRATIONS)
    else:
        findings = examine_settings(Settings(**{**CONFIGURED, **changes}))
    return [str(finding) for finding in findings if finding.verdict is not Verdict.OK]


def test_a_good_configuration_has_nothing_to_change() -> None:
    assert said() == []
    assert said(mail_domain="example.com") == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": 15}, "wrong    database: it is Postgres 15. Upward needs 16 or newer."),
        ({"is_replica": True}, "it is a replica that takes no writes"),
        ({"encoding": "SQL_ASCII"}, "its encoding is SQL_ASCII"),
        ({"skew": timedelta(seconds=30)}, "wrong    clock: this machine's is 30 s behind that of the database."),
        ({"skew": timedelta(seconds=-6)}, "this machine's is 6 s ahead of that of the database."),
        ({"connections": 20}, "doubtful database: it allows 20 connections."),
        ({"migration": "0001"}, "it is at migration 0001, and this version needs 0002."),
        ({"public_url": "http://127.0.0.1:8080"}, "the reader's own machine"),
        ({"public_url": "http://mentoring.example.com"}, "nobody could sign in to the console"),
        ({"public_url": "https://mentoring.example.com/"}, "it ends with a slash"),
        ({"public_url": "mentoring"}, "wrong    public URL: it is no address."),
        ({"public_url": "https://host:port"}, "wrong    public URL: it is no address."),
        ({"public_url": "https://a:b@host"}, "more than a host, a port and a path"),
        ({"service_token": SecretStr("short")}, "wrong    service token: it has 5 characters."),
        ({"service_token": SecretStr("a" * 32)}, "doubtful service token: it repeats few characters."),
        ({"mail_from": "Mentoring"}, "wrong    sender: UPWARD_MAIL_FROM holds no address."),
        ({"mail_from": "Upward <programs@upward.example>"}, "mails would come from programs@upward.example"),
        ({"mail_domain": "upward.example"}, "they would end with @upward.example."),
        ({"webhook_development_networks": ("10.0.0.0/8",)}, "endpoints in internal networks are allowed"),
        ({"trusted_proxies": ("10.0.0.0/8", "::/0")}, "wrong    trusted proxies: every address counts as a proxy"),
    ],
)
def test_what_is_not_in_order_is_said_with_what_to_change(changes: dict[str, Any], says: str) -> None:
    [line] = said(**changes)
    assert says in line
    assert line.endswith((".", ")"))


def test_services_that_do_not_exist_or_are_not_named_are_told() -> None:
    urls = {service.value: "http://all:8080" for service in Service}
    assert said(service_urls=urls) == []
    assert "there is no service matcher" in said(service_urls={**urls, "matcher": "http://x:1"})[0]
    assert "that of events is no address" in said(service_urls={**urls, "events": "events:8080"})[0]
    del urls["console"]
    assert "console are not named" in said(service_urls=urls)[0]


@pytest.mark.parametrize(("days", "verdict"), [(1, Verdict.WRONG), (7, Verdict.DOUBTFUL), (30, Verdict.OK)])
def test_temporal_should_remember_for_as_long_as_backups_are_kept(days: int, verdict: Verdict) -> None:
    assert judge_retention("default", timedelta(days=days)).verdict is verdict
