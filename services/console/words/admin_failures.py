"""The words for expected failures on pages for those who run programs: what happened, and what to do now."""

from typing import NamedTuple

from shared.errors import DomainError
from shared.language.words import translatable


class AdminFailure(NamedTuple):
    """Translatable sentences."""

    heading: str
    words: str


BY_CODE = {
    "role_too_low": AdminFailure(
        translatable("Your role does not allow this"),
        translatable("Nothing was changed. Ask the owner of your organization for a higher role."),
    ),
    "cross_site": AdminFailure(
        translatable("This form did not come from the console"),
        translatable(
            "Another site sent it, so nothing was changed. Open the page in the console and send the form there."
        ),
    ),
    "no_form_token": AdminFailure(
        translatable("This form did not come from the console"),
        translatable("Nothing was changed. Open the page in the console and send the form there."),
    ),
    "form_too_large": AdminFailure(
        translatable("That was too much text"),
        translatable("Nothing was changed. Go back in your browser and shorten it."),
    ),
    "body_too_large": AdminFailure(
        translatable("That was too much text"),
        translatable("Nothing was changed. Go back in your browser and shorten it."),
    ),
    "last_owner_key": AdminFailure(
        translatable("This is the last key of an owner"),
        translatable("Nothing was changed. Without it nobody could make keys. Make another key for an owner first."),
    ),
    "too_many_keys": AdminFailure(
        translatable("There are too many keys"),
        translatable("Nothing was changed. Revoke keys that nobody uses, and try again."),
    ),
    "stale_version": AdminFailure(
        translatable("Somebody changed this in the meantime"),
        translatable("Nothing of yours was changed. Read the page again and repeat it."),
    ),
    "page_not_found": AdminFailure(
        translatable("There is no such page"), translatable("Check the address, or begin at the home page.")
    ),
}
BY_STATUS = {
    400: AdminFailure(
        translatable("This could not be read"),
        translatable("Nothing was changed. Go back in your browser and send the form again."),
    ),
    403: AdminFailure(
        translatable("This is not allowed"), translatable("Nothing was changed. Ask the owner of your organization.")
    ),
    404: AdminFailure(
        translatable("This is not there"),
        translatable("It may belong to another organization, or the address may be incomplete."),
    ),
    409: AdminFailure(
        translatable("This was settled in the meantime"),
        translatable("Nothing was changed. Read the page again to see how it stands."),
    ),
    410: AdminFailure(translatable("This is no longer kept"), translatable("There is nothing more to see here.")),
    415: AdminFailure(
        translatable("This could not be read"),
        translatable("Nothing was changed. Go back in your browser and send the form again."),
    ),
    429: AdminFailure(
        translatable("That was too much at once"), translatable("Nothing was changed. Wait a moment and try again.")
    ),
}
OTHERWISE = AdminFailure(
    translatable("This did not work"), translatable("Nothing was changed. Go back in your browser and try again.")
)
AWAY = AdminFailure(
    translatable("A part of Upward does not answer just now"),
    translatable("What you sent may not have arrived. Look at the page again in a minute before you repeat it."),
)


def words_for(error: DomainError) -> AdminFailure:
    return BY_CODE.get(error.code) or BY_STATUS.get(error.status, OTHERWISE)
