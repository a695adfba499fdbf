"""The command line: the embedded stack, the demo, matching from files, and the processes that production runs."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from shared.config import Settings
from shared.contracts.base import Service
from shared.contracts.programs import Direction
from shared.logging import configure_logging
from upward.deployment.commands import deployment
from upward.failures import clear_failures
from upward.keys.commands import KeyFolder, keys
from upward.serving import command
from upward.serving.command import ALL, WORKERS

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Reverse-mentoring programs that run themselves.")
app.add_typer(keys, name="keys")
messages = typer.Typer(no_args_is_help=True, help="Messages to people.")
app.add_typer(messages, name="messages")
events = typer.Typer(no_args_is_help=True, help="The event feed.")
app.add_typer(events, name="events")
cycles = typer.Typer(no_args_is_help=True, help="Cycles and their workflows, after a database was lost or restored.")
app.add_typer(cycles, name="cycles")
app.add_typer(deployment, name="deployment")

Folder = Annotated[Path, typer.Option(help="Where the embedded stack keeps its data and e-mails.")]
DEFAULT_FOLDER = Path(".upward")


@app.command()
def up(
    folder: Folder = DEFAULT_FOLDER,
    port: Annotated[int, typer.Option(help="Port of the API and the pages.")] = 8080,
    organization: Annotated[
        str | None, typer.Option(help="Whose owner signs in by the address that is printed; the newest by default.")
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="First make a company with a cycle in every stage.")] = False,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "WARNING",
) -> None:
    """Run the whole stack until Ctrl-C. Cycles that were running before go on."""
    from upward.sample.making import make_sample
    from upward.stack import run_until_stopped

    configure_logging(log_level, "console")
    first = partial(make_sample, folder=folder) if sample else None
    with clear_failures():
        asyncio.run(run_until_stopped(folder, port, organization, first))


@app.command()
def demo(
    people: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Your own HRIS export (CSV) instead of the sample.")
    ] = None,
    columns: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Which columns of the export mean what (TOML).")
    ] = None,
    skip_invalid: Annotated[bool, typer.Option(help="Leave out rows that cannot be used.")] = False,
    folder: Folder = DEFAULT_FOLDER,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "ERROR",
) -> None:
    """Run one whole cycle in about a minute: real servers, real e-mails, compressed weeks."""
    from services.intake.enrolment_file.problems import FilesInvalid
    from upward.demo.story import run_demo

    configure_logging(log_level, "console")
    with clear_failures(FilesInvalid):
        raise typer.Exit(asyncio.run(run_demo(folder, people, columns, skip_invalid)))


@app.command()
def match(
    people: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="HRIS export of everybody (CSV).")],
    enrolments: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Who takes part, and as what (CSV).")],
    out: Annotated[Path, typer.Option(help="Folder for pairs.csv, unmatched.csv and result.json.")],
    policy: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Constraints and weights (JSON).")
    ] = None,
    columns: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Which columns of the files mean what (TOML).")
    ] = None,
    direction: Annotated[Direction, typer.Option(help="Who is senior to whom.")] = Direction.REVERSE,
    starts_on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day on which the pairs begin; today by default.")
    ] = None,
    seed: Annotated[str | None, typer.Option(help="Breaks ties; by default it follows from the files.")] = None,
    skip_invalid: Annotated[bool, typer.Option("--skip-invalid", help="Leave out rows that cannot be used.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that is not empty.")] = False,
) -> None:
    """Match people from files: no server, no database."""
    from rich.console import Console

    from services.intake.enrolment_file.problems import FilesInvalid
    from upward.matching.command import Request, run_match

    day = starts_on.date() if starts_on else date.today()  # noqa: DTZ011 - the day of the user
    request = Request(people, enrolments, out, day, policy, columns, direction, skip_invalid, force, seed)
    with clear_failures(FilesInvalid):
        run_match(request, Console(highlight=False))


@app.command()
def serve(
    services: Annotated[list[str], typer.Argument(help=f"`{ALL}`, or one or more of: {', '.join(Service)}.")],
) -> None:
    """Serve the HTTP side of one or more services (production)."""
    _check_names(services, tuple(Service))
    command.serve(services)


@app.command()
def worker(
    queues: Annotated[list[str], typer.Argument(help=f"`{ALL}`, or one or more of: {', '.join(WORKERS)}.")],
) -> None:
    """Run the Temporal workers of one or more services, of `workflows`, or the `relay` of events."""
    _check_names(queues, WORKERS)
    command.work(queues)


@app.command()
def migrate() -> None:
    """Bring the database to the newest version."""
    from upward.migration import migrate as run

    with clear_failures():
        settings = Settings()
        configure_logging(settings.log_level, settings.log_format)
        run(settings.database_url)


@app.command()
def doctor(
    before_migrating: Annotated[
        bool, typer.Option("--before-migrating", help="An older schema is in order, as it is about to be migrated.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each finding.")] = False,
) -> None:
    """Examine the configuration before anything starts with it, and say what to change. Nothing is changed."""
    from upward.doctor.examining import examine
    from upward.doctor.findings import Verdict

    configure_logging("ERROR", "console")
    with clear_failures():
        findings = asyncio.run(examine(Settings(), before_migrating=before_migrating))
        for finding in findings:
            print(json.dumps(finding._asdict()) if as_json else finding)
        if any(finding.verdict is Verdict.WRONG for finding in findings):
            raise typer.Exit(1)


@messages.command("resend")
def resend_messages(
    organization: Annotated[str, typer.Option(help="The organization whose messages they are.")],
    cycle: Annotated[UUID | None, typer.Option(help="All failed messages of the cycle of this id.")] = None,
    message: Annotated[UUID | None, typer.Option(help="The failed message of this id.")] = None,
    folder: KeyFolder = None,
) -> None:
    """Send messages again that had failed: all of a cycle, or one."""
    from upward.running import resend

    configure_logging("WARNING", "console")
    with clear_failures():
        count = asyncio.run(resend(organization, cycle, message, folder))
        print(f"{count} {'message is' if count == 1 else 'messages are'} sent again.")


@events.command("tail")
def tail_events(
    url: Annotated[str, typer.Option(envvar="UPWARD_URL", help="The server, such as http://127.0.0.1:8080.")],
    key: Annotated[str, typer.Option(envvar="UPWARD_KEY", help="An access key; the variable keeps it off the screen.")],
    after: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="The last sequence that you have.")] = 0,
    types: Annotated[str | None, typer.Option(help="Only these types, separated by commas.")] = None,
    follow: Annotated[bool, typer.Option(help="Go on with what comes, until Ctrl-C.")] = True,
) -> None:
    """Print each event as a line of JSON when it comes. While the server is away, wait for it."""
    from rich.console import Console

    from upward.tail import Tail, read_events

    said = Console(stderr=True, highlight=False, soft_wrap=True)
    with clear_failures():
        try:
            for line in read_events(Tail(url, key, after, types, follow), said.print):
                print(line, flush=True)
        except KeyboardInterrupt:
            pass  # this is how the command is ended
        except BrokenPipeError:  # nobody reads any more; Python would complain when it closes the pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@events.command("publish")
def publish_events(
    nats: Annotated[
        str,
        typer.Option(
            envvar="UPWARD_NATS_URL",
            help="The broker, such as tls://broker.example:4222; the variable hides a password.",
        ),
    ],
    stream: Annotated[
        str, typer.Option(help="The JetStream stream, which is created if it does not exist.")
    ] = "UPWARD",
    nats_credentials: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A credentials file of NATS.")
    ] = None,
) -> None:
    """Publish the event log to NATS JetStream until Ctrl-C. While the broker is away, wait for it."""
    from upward.publishing import parse_target, publish_events

    with clear_failures():
        settings = Settings()
        configure_logging(settings.log_level, settings.log_format)
        asyncio.run(publish_events(settings, parse_target(nats, stream, nats_credentials)))


@events.command("restored")
def events_restored(folder: KeyFolder = None) -> None:
    """Tell consumers of events that the database was restored from a backup: events that they have may be lost."""
    from upward.running import tell_restored

    configure_logging("WARNING", "console")
    with clear_failures():
        print(f"The log's epoch is now {asyncio.run(tell_restored(folder))}.")


@events.command("set-aside")
def events_set_aside(
    skip: Annotated[str | None, typer.Option(help="Leave out the event of this id for good.")] = None,
    folder: KeyFolder = None,
) -> None:
    """Print the events that could not be handled and what waits for them, a line of JSON each."""
    from upward.running import leave_out_event, list_set_aside

    configure_logging("WARNING", "console")
    with clear_failures():
        if skip is not None:
            asyncio.run(leave_out_event(folder, skip))
            print(f"The event {skip} is left out, and what waited for it goes on.")
            return
        for found in asyncio.run(list_set_aside(folder)):
            print(json.dumps(found._asdict(), default=str))


@cycles.command("check")
def check_cycles(folder: KeyFolder = None) -> None:
    """Print what differs between the rows and what runs in Temporal, a line each; exit with 1 if anything does."""
    from upward.recovery.command import check

    configure_logging("WARNING", "console")
    with clear_failures():
        lines = asyncio.run(check(folder))
        print("\n".join(lines) if lines else "Everything that the rows ask for runs.")
        if lines:
            raise typer.Exit(1)


@cycles.command("rebuild")
def rebuild_cycles(
    cycle: Annotated[str | None, typer.Option(help="Only the cycle of this id, and what belongs to it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be done.")] = False,
    folder: KeyFolder = None,
) -> None:
    """Make what runs agree with the rows: end what disagrees, and start what is missing. It can be repeated."""
    from upward.recovery.command import rebuild

    configure_logging("WARNING", "console")
    with clear_failures():
        lines = asyncio.run(rebuild(folder, cycle, dry_run=dry_run))
        print("\n".join(lines) if lines else "There is nothing to do.")


@app.command()
def translations(
    more: Annotated[list[str] | None, typer.Argument(help="Codes of languages to add, such as it or pt-BR.")] = None,
) -> None:
    """Bring the catalogues of languages up to date with the sentences in the code, and say what is not translated."""
    from upward.translations import update_all

    with clear_failures():
        for line in update_all(*(more or ())):
            print(line)


def _check_names(names: list[str], known: Sequence[str]) -> None:
    """Raises BadParameter."""
    if unknown := [name for name in names if name not in (ALL, *known)]:
        raise typer.BadParameter(f"{', '.join(unknown)}: choose of {', '.join(known)}, or {ALL}.")
