"""The migrations against a real Postgres: from nothing to what the code declares, back, and again."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError

from services.events.log.rules.cloudevents import cloud_event
from services.events.log.rules.digest import genesis
from shared.contracts.events import EventRecord
from shared.database import SCHEMAS, psycopg_url
from tests.architecture.test_compose import EMBEDDED_ONLY
from tests.digests import link_event
from upward.migration import ROOT, alembic_config, migrate

LOCK = "select pg_advisory_lock(7303014001)"
"""As `migrations/env.py` takes it."""
WAITING = """
select count(*) from pg_stat_activity
where datname = current_database() and application_name = 'upward migrate' and query = 'ROLLBACK'
"""

KEPT = "organization_id, sequence, position, event_id, type, version, subject, time, data, recorded_at, digest"


@contextmanager
def database_of_its_own(postgres_url: str, template: str = "template1") -> Iterator[URL]:
    """A database that is made as a copy of the template, and removed afterwards."""
    server = make_url(psycopg_url(postgres_url))
    name = f"migrations_{uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name} template {template}"))
    yield server.set(database=name)
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


def written(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture
def empty(postgres_url: str) -> Iterator[URL]:
    """An empty database of its own."""
    with database_of_its_own(postgres_url) as url:
        yield url


@pytest.fixture
def url(empty: URL) -> str:
    return written(empty)


@pytest.fixture(scope="module")
def template(postgres_url: str) -> Iterator[str]:
    """The name of a database that was migrated once, so that tests which do not try the way there can copy it."""
    with database_of_its_own(postgres_url) as url:
        migrate(written(url))
        yield str(url.database)


@pytest.fixture
def migrated(postgres_url: str, template: str) -> Iterator[URL]:
    """A migrated database of its own."""
    with database_of_its_own(postgres_url, template) as url:
        yield url


@pytest.fixture
def engine(empty: URL) -> Iterator[Engine]:
    engine = create_engine(empty)
    yield engine
    engine.dispose()


@contextmanager
def changing(url: URL) -> Iterator[Connection]:
    """A connection whose transaction commits at the end of the block."""
    engine = create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def schemas(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(text("select nspname from pg_namespace"))) & set(SCHEMAS)


async def migrating(url: str) -> asyncio.subprocess.Process:
    """`upward migrate` as production runs it: without the packages of the embedded stack."""
    absent = "".join(f"sys.modules[{name!r}] = None; " for name in EMBEDDED_ONLY)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"import sys; {absent}from upward.cli import app; app(['migrate'])"),
        cwd=ROOT,
        env=os.environ | {"UPWARD_DATABASE_URL": url},
        stderr=asyncio.subprocess.PIPE,
    )


async def succeeds(process: asyncio.subprocess.Process) -> None:
    _, problems = await process.communicate()
    assert process.returncode == 0, problems.decode()


def test_the_history_is_one_line() -> None:
    script = ScriptDirectory.from_config(alembic_config("postgresql://nowhere/none"))
    revisions = list(script.walk_revisions())
    assert len(script.get_heads()) == len(script.get_bases()) == 1
    assert [revision for revision in revisions if revision.is_branch_point or revision.is_merge_point] == []


def test_an_empty_database_becomes_exactly_what_the_code_declares(url: str, engine: Engine) -> None:
    migrate(url)
    migrate(url)  # and migrating again changes nothing
    command.check(alembic_config(url))
    assert schemas(engine) == set(SCHEMAS)


def test_whoever_goes_back_to_this_release_leaves_the_schema_of_the_next_one_as_it_is(migrated: URL) -> None:
    with changing(migrated) as connection:
        connection.execute(text("update public.alembic_version set version_num = '9999'"))
        connection.execute(text("alter table intake.person add column of_the_next_release int"))
    migrate(written(migrated))
    with changing(migrated) as connection:
        assert connection.scalar(text("select version_num from public.alembic_version")) == "9999"


def test_alembic_check_would_see_a_difference(migrated: URL) -> None:
    with changing(migrated) as connection:
        connection.execute(text("alter table intake.person drop column job_title"))
    with pytest.raises(Exception, match="job_title"):
        command.check(alembic_config(written(migrated)))


def test_the_way_back_to_nothing_and_up_again_is_open(url: str, engine: Engine) -> None:
    migrate(url)
    command.downgrade(alembic_config(url), "base")
    assert schemas(engine) == set()
    migrate(url)
    command.check(alembic_config(url))


async def test_migrations_at_once_wait_for_each_other(url: str, engine: Engine) -> None:
    """Two wait for one that is under way: one of another process, and one of this one. An index that the one under way
    builds beside writers is not held up by those who wait for their turn."""
    with engine.connect() as other, engine.connect() as observer:
        other.execute(text(LOCK))
        there, here = await migrating(url), asyncio.create_task(asyncio.to_thread(migrate, url))
        try:
            while observer.scalar(text(WAITING)) < 2:
                observer.rollback()
                assert (there.returncode, here.done()) == (None, False), "it did not wait"
                await asyncio.sleep(0.05)
            assert schemas(engine) == set()
            observer.rollback()
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as building:
                building.execute(text("set lock_timeout = '5s'"))
                building.execute(text("create table built (id int)"))
                building.execute(text("create index concurrently on built (id)"))
                building.execute(text("drop table built"))
        finally:
            other.invalidate()
    await asyncio.gather(succeeds(there), here)
    command.check(alembic_config(url))


def test_the_first_table_is_changed_within_the_short_limits(url: str) -> None:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        migrate(url)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    turn = next(place for place, statement in enumerate(statements) if "advisory_lock" in statement)
    first_table = next(place for place, statement in enumerate(statements) if "CREATE TABLE" in statement)
    for limit in ("lock_timeout", "statement_timeout"):
        assert [one for one in statements[turn:first_table] if one.startswith(f"set {limit} = '")]


def test_an_index_that_is_built_beside_writers_waits_for_them_and_leaves_the_short_limits_behind_it(
    migrated: URL,
) -> None:
    """Also when an earlier attempt was interrupted, and left an index that is not finished."""
    config = alembic_config(written(migrated))
    command.downgrade(config, "0045")
    with changing(migrated) as connection:
        connection.execute(text("create index ix_message_announcement on notifications.message (due_at)"))
        connection.execute(text("update pg_index set indisvalid = false"
                                " where indexrelid = 'notifications.ix_message_announcement'::regclass"))  # fmt: skip
    limits: list[str] = []

    def note(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("create index concurrently", "UPDATE public.alembic_version")):
            limits.append(str(connection.connection.execute("show lock_timeout").fetchone()[0]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        command.upgrade(config, "0046")
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert limits == ["0", "5s"]
    migrate(written(migrated))
    command.check(config)


def test_each_migration_keeps_its_tables_for_itself_no_longer_than_it_takes_alone(migrated: URL) -> None:
    """What the ones before a busy table have changed is committed, so that services go on with it, and the next try
    goes on from there."""
    config = alembic_config(written(migrated))
    command.downgrade(config, "0036")
    with changing(migrated) as reader:
        reader.execute(text("lock table notifications.announcement in access share mode"))  # which 0042 changes
        with pytest.raises(OperationalError, match="lock timeout"):
            migrate(written(migrated))
        with changing(migrated) as writer:
            assert writer.scalar(text("select version_num from alembic_version")) == "0041"
    migrate(written(migrated))
    command.check(config)


def test_events_from_before_get_the_digests_that_the_sequencer_would_have_given_them(url: str, engine: Engine) -> None:
    command.upgrade(alembic_config(url), "0011")
    organizations = (uuid4(), uuid4())
    records = [
        EventRecord(
            id=uuid4(), organization_id=organization_id, sequence=sequence, type="cycle.paused", version=1,
            subject="cycle/1", time=datetime(2026, 1, 5, microsecond=sequence - 1, tzinfo=UTC), data={"ü": [sequence]},
        )
        for sequence in (1, 2, 3) for organization_id in organizations
    ]  # fmt: skip
    with engine.begin() as connection:
        for record in records:
            connection.execute(
                text(
                    "insert into events.event (organization_id, sequence, event_id, type, version, subject, time, data)"
                    " values (:organization_id, :sequence, :id, :type, :version, :subject, :time, cast(:data as jsonb))"
                ),
                record.model_dump() | {"data": json.dumps(record.data)},
            )
        for organization_id in organizations:
            connection.execute(text("insert into events.organization_head values (:id, 3)"), {"id": organization_id})
    migrate(url)
    with engine.connect() as connection:
        found = connection.execute(text("select organization_id, sequence, digest from events.event")).all()
        rows = connection.execute(text("select organization_id, digest from events.organization_head"))
        heads = {row.organization_id: row.digest for row in rows}
    digests = {organization_id: genesis(organization_id) for organization_id in organizations}
    expected = {}
    for record in records:
        before = digests[record.organization_id]
        digests[record.organization_id] = link_event(before, cloud_event(record))
        expected[record.organization_id, record.sequence] = digests[record.organization_id]
    assert {(row.organization_id, row.sequence): row.digest for row in found} == expected
    assert heads == digests


def test_on_the_way_back_notices_of_no_cycle_go_and_messages_of_cycles_stay(url: str, engine: Engine) -> None:
    command.upgrade(alembic_config(url), "0015")
    cycle_id = uuid4()
    announcement = text(
        "insert into notifications.announcement"
        " (id, organization_id, cycle_id, scope_id, template, audience, occurrence)"
        " values (:id, :organization, :cycle, :scope, 'kickoff', 'person', 1)"
    )
    message = text(
        "insert into notifications.message (id, organization_id, announcement_id, cycle_id, scope_id, person_id,"
        " template, occurrence, message_id, due_at)"
        " values (:id, :organization, :id, :cycle, :scope, :id, 'kickoff', 1, '<1@x>', now())"
    )
    with engine.begin() as connection:
        for cycle in (cycle_id, None):
            values = {"id": uuid4(), "cycle": cycle, "organization": uuid4(), "scope": uuid4()}
            connection.execute(announcement, values)
            connection.execute(message, values)
    command.downgrade(alembic_config(url), "-1")
    with engine.connect() as connection:
        for table in ("announcement", "message"):
            assert connection.scalars(text(f"select cycle_id from notifications.{table}")).all() == [cycle_id]


def test_events_from_before_get_days_and_keep_everything_else(url: str, engine: Engine) -> None:
    command.upgrade(alembic_config(url), "0012")
    organizations = (uuid4(), uuid4())
    days = [date(2026, 1, 5), date(2026, 1, 7), date(2026, 1, 6), date(2026, 1, 8)]  # once the clock went back
    digests = {(one, sequence): bytes([sequence]) * 32 for one in organizations for sequence in (1, 2, 3, 4)}
    with engine.begin() as connection:
        for sequence, day in enumerate(days, start=1):
            for one in organizations:
                connection.execute(
                    text(
                        "insert into events.event (organization_id, sequence, event_id, type, version, subject, time,"
                        " data, recorded_at, digest)"
                        " values (:one, :sequence, :id, 'x', 1, 'x/1', :at, '{}', :at, :digest)"
                    ),
                    {
                        "one": one,
                        "sequence": sequence,
                        "id": uuid4(),
                        "at": datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC),
                        "digest": digests[one, sequence],
                    },
                )
        for one in organizations:
            connection.execute(
                text("insert into events.organization_head values (:one, 4, :digest)"),
                {"one": one, "digest": digests[one, 4]},
            )
        connection.execute(text("set local time zone 'Asia/Tokyo'"))
        before = connection.execute(text(f"select {KEPT} from events.event order by position")).all()
    migrate(url)
    with engine.begin() as connection:
        assert connection.execute(text(f"select {KEPT} from events.event order by position")).all() == before
        found = connection.execute(text("select distinct sequence, day from events.event order by sequence")).all()
        assert found == [(1, days[0]), (2, days[1]), (3, days[1]), (4, days[3])]
        noted = connection.execute(text("select day, after_position from events.log_day order by day")).all()
        assert noted == [(days[0], 0), (days[1], 2), (days[3], 6)]
        rows = connection.execute(text("select * from events.organization_day order by organization_id, day")).all()
        assert rows == [
            row
            for one in sorted(organizations)
            for row in [
                (one, days[0], 1, genesis(one)),
                (one, days[1], 2, digests[one, 1]),
                (one, days[3], 4, digests[one, 3]),
            ]
        ]
        assert connection.scalar(text("select nextval('events.event_position')")) == 9
        assert connection.scalar(text("select count(*) from events.log")) == 1
    command.downgrade(alembic_config(url), "0012")
    with engine.begin() as connection:
        assert connection.execute(text(f"select {KEPT} from events.event order by position")).all() == before


def test_the_days_of_the_log_are_no_difference(migrated: URL) -> None:
    with changing(migrated) as connection:
        connection.execute(text("create table events.event_2026_01_05 (like events.event including all)"))
        connection.execute(
            text("alter table events.event attach partition events.event_2026_01_05"
                 " for values from ('2026-01-05') to ('2026-01-06')")
        )  # fmt: skip
    command.check(alembic_config(written(migrated)))


def test_each_day_of_a_log_that_is_there_gets_the_index_of_cycles_without_keeping_writers_out(migrated: URL) -> None:
    """Also when an earlier attempt was interrupted, and left an index that is not finished."""
    config = alembic_config(written(migrated))
    before = str(ScriptDirectory.from_config(config).get_revision("0034").down_revision)
    command.downgrade(config, before)
    statements: list[str] = []
    with changing(migrated) as connection:
        for day in (5, 6):
            name = f"events.event_2026_01_0{day}"
            connection.execute(text(f"create table {name} partition of events.event for values"
                                    f" from ('2026-01-0{day}') to ('2026-01-0{day + 1}')"))  # fmt: skip
        connection.execute(text("create index event_2026_01_05_cycle on events.event_2026_01_05 (day)"))
        connection.execute(text("update pg_index set indisvalid = false"
                                " where indexrelid = 'events.event_2026_01_05_cycle'::regclass"))  # fmt: skip

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        command.upgrade(config, "0034")
        command.stamp(config, before)
        command.upgrade(config, "0034")
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    migrate(written(migrated))
    command.check(config)
    built = [one for one in statements if one.startswith("create index") and "on only" not in one]
    assert len(built) == 2
    assert all("concurrently" in one for one in built)
    with changing(migrated) as connection:
        valid = "select relname from pg_class join pg_index on indexrelid = oid where indisvalid and relname ~ 'cycle$'"
        found = set(connection.scalars(text(valid)))
    assert found >= {"ix_event_cycle", "event_2026_01_05_cycle", "event_2026_01_06_cycle"}
