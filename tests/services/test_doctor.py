"""`upward doctor` looks at real servers, good and bad ones, and says what to change."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from shared.config import Settings
from shared.database import SCHEMAS
from tests.services.certificates import new_authority
from upward.doctor.database import examine_database, known_migrations
from upward.doctor.examining import examine
from upward.doctor.findings import Finding, Verdict
from upward.doctor.mail import examine_mail
from upward.doctor.temporal import examine_temporal
from upward.embedded import free_port

NOWHERE = "127.0.0.1:1"


def told(findings: Iterator[Finding] | list[Finding], verdict: Verdict) -> list[str]:
    return [str(finding) for finding in findings if finding.verdict is verdict]


@pytest.fixture
async def own_database(postgres_url: str) -> AsyncIterator[str]:
    """An empty database of its own and a role without rights, which are dropped again."""
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
        await connection.execute("create database examined")
        await connection.execute("create role poor login")
        yield make_url(postgres_url).set(database="examined").render_as_string(hide_password=False)
        await connection.execute("drop database examined with (force)")
        await connection.execute("drop role poor")


def as_role(url: str, role: str) -> str:
    return make_url(url).set(username=role).render_as_string(hide_password=False)


async def test_an_empty_database_waits_for_its_migrations(own_database: str) -> None:
    found = list(await examine_database(own_database))
    assert told(found, Verdict.WRONG) == []
    assert "doubtful schema: the database is empty. Run `upward migrate`." in told(found, Verdict.DOUBTFUL)
    assert any("is a superuser" in line for line in told(found, Verdict.DOUBTFUL))
    assert any(line.startswith("ok       clock: within 5 s") for line in told(found, Verdict.OK))


async def test_a_role_that_may_create_nothing_is_told_what_to_grant(own_database: str) -> None:
    [line] = told(await examine_database(as_role(own_database, "poor")), Verdict.WRONG)
    assert f"poor may not create schemas, and {len(SCHEMAS)} are missing" in line
    assert 'grant create on database … to "poor"' in line
    async with await psycopg.AsyncConnection.connect(own_database, autocommit=True) as connection:
        await connection.execute("grant create on database examined to poor")
    found = list(await examine_database(as_role(own_database, "poor")))
    assert told(found, Verdict.WRONG) == []
    assert "ok       database role: poor" in told(found, Verdict.OK)


async def test_a_role_that_does_not_own_the_schemas_is_refused(own_database: str) -> None:
    async with await psycopg.AsyncConnection.connect(own_database, autocommit=True) as connection:
        await connection.execute("create schema events")
    [line] = told(await examine_database(as_role(own_database, "poor")), Verdict.WRONG)
    assert "poor does not own 1 of Upward's schemas" in line


@pytest.mark.parametrize(
    ("migration", "verdict", "says"),
    [
        (0, Verdict.OK, "the newest"),
        (1, Verdict.WRONG, "Run `upward migrate`."),
        ("9999", Verdict.DOUBTFUL, "of a newer version"),
        ("000x", Verdict.WRONG, "which this version does not know"),
    ],
)
async def test_the_migration_is_compared_with_those_of_this_version(
    own_database: str, migration: Any, verdict: Verdict, says: str
) -> None:
    number = migration if isinstance(migration, str) else known_migrations(own_database)[migration]
    async with await psycopg.AsyncConnection.connect(own_database, autocommit=True) as connection:
        await connection.execute("create table public.alembic_version (version_num text)")
        await connection.execute("insert into public.alembic_version values (%s)", (number,))
    [line] = [one for one in told(await examine_database(own_database), verdict) if "schema: " in one]
    assert says in line
    assert number in line


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"database": "missing"}, "there is no such database"),
        ({"username": "nobody_at_all"}, "there is no such role"),
    ],
)
async def test_what_is_wrong_with_an_address_is_said_without_the_password(
    postgres_url: str, change: dict[str, Any], says: str
) -> None:
    url = make_url(postgres_url).set(password="the-secret", **change).render_as_string(hide_password=False)
    [line] = told(await examine_database(url), Verdict.WRONG)
    assert says in line
    assert "the-secret" not in line


async def test_servers_that_do_not_answer_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", NOWHERE)
    away = Settings(
        database_url=f"postgresql://somebody:the-secret@{NOWHERE}/upward",
        smtp_port=1,
        public_url="https://mentoring.example.com",
        service_token=SecretStr("0123456789abcdef0123456789abcdef"),
        mail_from="Mentoring <mentoring@example.com>",
        mail_domain="example.com",
    )
    lines = told(await examine(away), Verdict.WRONG)
    assert [line.split(":")[0].removeprefix("wrong").strip() for line in lines] == [
        "database",
        "Temporal",
        "mail server",
    ]
    assert "the-secret" not in "".join(lines)


class Authenticator:
    def __call__(self, server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        return AuthResult(success=(given.login, given.password) == (b"upward", b"right"), handled=False)


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None) -> Iterator[int]:
    controller = Controller(
        object(),
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=tls,
        authenticator=Authenticator(),
        auth_require_tls=tls is not None,
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def mailing(port: int, **settings: Any) -> Settings:
    return Settings(smtp_host="localhost", smtp_port=port, **settings)


async def test_a_mail_server_without_tls_gets_no_password() -> None:
    with mail_server() as port:
        open_to_all = list(await examine_mail(mailing(port)))
        assert "would get mails in the clear. Use it within your own network alone." in str(open_to_all[0])
        assert open_to_all[0].verdict is Verdict.DOUBTFUL
        [line] = told(await examine_mail(mailing(port, smtp_starttls=True)), Verdict.WRONG)
        assert "offers no STARTTLS" in line
        signing = mailing(port, smtp_username="upward", smtp_password=SecretStr("right"))
        assert "would get the password in the clear" in told(await examine_mail(signing), Verdict.WRONG)[0]


async def test_a_mail_server_with_tls_is_judged_by_its_certificate_and_its_answer(tmp_path: Path) -> None:
    authority = new_authority()
    signing = {"smtp_starttls": True, "smtp_username": "upward"}
    with mail_server(authority.server("localhost", tmp_path)) as port:
        assert "Set UPWARD_SMTP_STARTTLS=true" in str(next(await examine_mail(mailing(port))))
        [line] = told(await examine_mail(mailing(port, **signing)), Verdict.WRONG)
        assert "the certificate of localhost" in line
        right = mailing(port, **signing, smtp_password=SecretStr("right"))
        assert told(await examine_mail(right, authority.trust()), Verdict.WRONG) == []
        wrong = mailing(port, **signing, smtp_password=SecretStr("wrong"))
        [line] = told(await examine_mail(wrong, authority.trust()), Verdict.WRONG)
        assert "it refuses the user name or the password" in line
    with mail_server(authority.server("mail.example.com", tmp_path)) as port:
        [line] = told(await examine_mail(mailing(port, smtp_starttls=True), authority.trust()), Verdict.WRONG)
        assert "is not accepted" in line


@pytest.mark.long
async def test_a_real_temporal_is_asked_for_its_namespace_and_retention(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.temporal_server import BINARY, temporal_server

    with temporal_server(tmp_path) as server:
        found = list(await examine_temporal(server.address))
        assert found[0].verdict is Verdict.OK
        [line] = told(found, Verdict.WRONG)  # a development server keeps what has ended for a day
        assert "--retention 90d" in line
        update = ("operator", "namespace", "update", "--namespace", "default", "--retention", "90d")
        process = await asyncio.create_subprocess_exec(str(BINARY), *update, "--address", server.address)
        assert await process.wait() == 0
        assert told(await examine_temporal(server.address), Verdict.OK)[1].endswith("for 90 days.")
        [line] = told(await examine_temporal(server.address, "upward"), Verdict.DOUBTFUL)
        assert "no version of upward is the current one" in line
        assert line.endswith("Run: upward deployment promote.")
        monkeypatch.setenv("TEMPORAL_NAMESPACE", "missing")
        [line] = told(await examine_temporal(server.address), Verdict.WRONG)
        assert "there is no namespace missing. Run: temporal operator namespace create" in line
