"""The words for expected failures on pages for those who run programs: what happened, and what to do now."""

from typing import NamedTuple

from shared.errors import DomainError


class Words(NamedTuple):
    heading: str
    words: str


BY_CODE = {
    "role_too_low": Words(
        "Your role does not allow this", "Nothing was changed. Ask the owner of your organization for a higher role."
    ),
    "cross_site": Words(
        "This form did not come from the console",
        "Another site sent it, so nothing was changed. Open the page in the console and send the form there.",
    ),
    "no_form_token": Words(
        "This form did not come from the console",
        "Nothing was changed. Open the page in the console and send the form there.",
    ),
    "form_too_large": Words("That was too much text", "Nothing was changed. Go back in your browser and shorten it."),
    "body_too_large": Words("That was too much text", "Nothing was changed. Go back in your browser and shorten it."),
    "stale_version": Words(
        "Somebody changed this in the meantime", "Nothing of yours was changed. Read the page again and repeat it."
    ),
    "page_not_found": Words("There is no such page", "Check the address, or begin at the home page."),
}
BY_STATUS = {
    400: Words("This could not be read", "Nothing was changed. Go back in your browser and send the form again."),
    403: Words("This is not allowed", "Nothing was changed. Ask the owner of your organization."),
    404: Words("This is not there", "It may belong to another organization, or the address may be incomplete."),
    409: Words("This was settled in the meantime", "Nothing was changed. Read the page again to see how it stands."),
    410: Words("This is no longer kept", "There is nothing more to see here."),
    415: Words("This could not be read", "Nothing was changed. Go back in your browser and send the form again."),
    429: Words("That was too much at once", "Nothing was changed. Wait a moment and try again."),
}
OTHERWISE = Words("This did not work", "Nothing was changed. Go back in your browser and try again.")
AWAY = Words(
    "A part of Upward does not answer just now",
    "What you sent may not have arrived. Look at the page again in a minute before you repeat it.",
)


def words_for(error: DomainError) -> Words:
    return BY_CODE.get(error.code) or BY_STATUS.get(error.status, OTHERWISE)
