"""`upward keys`: the access keys of an organization, made, listed, replaced and revoked."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from shared.contracts.accounts import Role
from shared.logging import configure_logging
from upward.failures import clear_failures

keys = typer.Typer(no_args_is_help=True, help="Access keys of organizations.")
KeyFolder = Annotated[
    Path | None, typer.Option("--folder", help="Use the embedded stack of this folder instead of UPWARD_DATABASE_URL.")
]
KeyId = Annotated[str, typer.Argument(help="The id of the key, which is between the underscores of upw_…_….")]


@keys.command("create")
def create_key(
    organization: Annotated[str, typer.Option(help="The organization; created if it does not exist.")],
    role: Annotated[Role, typer.Option(help="What the key may do.")] = Role.ADMIN,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "command line",
    valid_days: Annotated[int, typer.Option(min=1, max=3650, help="After so many days it is refused.")] = 365,
    network: Annotated[
        list[str] | None, typer.Option(help="Take it only from this network (CIDR) or address; may be repeated.")
    ] = None,
    folder: KeyFolder = None,
) -> None:
    """Create an access key and print it. It is not shown again."""
    from upward.running import create_access_key

    configure_logging("WARNING", "console")  # the key alone is printed, so that a script can take it
    with clear_failures():
        print(asyncio.run(create_access_key(organization, role, label, folder, valid_days, network or ())))


@keys.command("list")
def list_keys(
    organization: Annotated[str, typer.Option(help="The organization that the keys belong to.")],
    state: Annotated[str | None, typer.Option(help="Only those that are valid, expired or revoked.")] = None,
    folder: KeyFolder = None,
) -> None:
    """Print the access keys of an organization without the keys themselves, newest first, a line of JSON each."""
    from services.accounts.resources import KeyState
    from upward.running import list_access_keys

    configure_logging("WARNING", "console")
    if state not in (None, *KeyState):
        raise typer.BadParameter(f"choose of {', '.join(KeyState)}.")
    with clear_failures():
        for key in asyncio.run(list_access_keys(organization, KeyState(state) if state else None, folder)):
            print(key.model_dump_json())


@keys.command("rotate")
def rotate_key(
    key_id: KeyId,
    organization: Annotated[str, typer.Option(help="The organization that the key belongs to.")],
    overlap_hours: Annotated[int, typer.Option(min=0, max=720, help="For so long the old key is still taken.")] = 24,
    valid_days: Annotated[
        int | None,
        typer.Option(min=1, max=3650, help="After so many days the new key is refused; as the old one by default."),
    ] = None,
    folder: KeyFolder = None,
) -> None:
    """Create an access key that takes the place of another one, and print it. It is not shown again."""
    from services.accounts.resources import KeyRotation
    from upward.running import rotate_access_key

    configure_logging("WARNING", "console")
    with clear_failures():
        wanted = KeyRotation(overlap_hours=overlap_hours, valid_days=valid_days)
        print(asyncio.run(rotate_access_key(organization, key_id, wanted, folder)))


@keys.command("revoke")
def revoke_key(
    key_id: KeyId,
    organization: Annotated[str, typer.Option(help="The organization that the key belongs to.")],
    folder: KeyFolder = None,
) -> None:
    """Make an access key invalid from now on."""
    from upward.running import revoke_access_key

    configure_logging("WARNING", "console")
    with clear_failures():
        asyncio.run(revoke_access_key(organization, key_id, folder))
        print(f"The key {key_id} is refused from now on.")
