"""HTTP edge of the words that organizations write for messages and pages themselves."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response

from services.notifications.audience import read_brand, read_direction
from services.notifications.resources import (
    ChangedWording,
    MessagePreview,
    PageLine,
    PlaceholderInfo,
    Readers,
    Source,
    SourcedText,
    Wording,
    WordingLine,
    Wordings,
    WordingText,
    WordingTrial,
)
from services.notifications.rules import wording as rules
from services.notifications.rules.look import sender_of
from services.notifications.rules.samples import examples_of, page_sample_of, sample_of
from services.notifications.store import wordings as store
from services.notifications.store.wordings import Place, StoredWording
from shared.auth import Admin, ServiceCaller, Viewer
from shared.contracts.notifications import OwnPageWords, PageText, Template
from shared.contracts.programs import Direction
from shared.errors import Invalid, NotFound
from shared.http.dependencies import AppSettings, InternalClient, Reading, Session
from shared.http.etags import check_present, etag
from shared.http.problems import refusals
from shared.http.routing import Route
from shared.language.choosing import SpokenLanguage
from shared.language.words import words_of

router = APIRouter(route_class=Route, prefix="/v1/wordings", tags=["notifications"])
internal = APIRouter(route_class=Route, prefix="/internal/notifications", include_in_schema=False)
OfProgram = Annotated[
    UUID | None, Query(description="the program whose messages are meant; without it, those of all programs")
]
IfMatch = Annotated[str | None, Header()]


class NoWording(NotFound):
    code = "no_wording"


@router.get("", responses=refusals(404))
async def list_wordings(
    caller: Viewer, session: Session, internal: InternalClient, program_id: OfProgram = None
) -> Wordings:
    """The templates and the texts of pages whose words an organization may write itself, and in which languages it
    does."""
    await read_direction(internal, caller.organization_id, program_id)
    found = await store.read_wordings(session, caller.organization_id, program_id)
    of_pages = await store.read_wordings(session, caller.organization_id, program_id, of=PageText)
    lines = (
        WordingLine(template=template, readers=_readers(template), changed=_changed(found, template))
        for template in Template
        if rules.may_be_worded(template)
    )
    pages = (PageLine(template=text, changed=_changed(of_pages, text)) for text in PageText)
    return Wordings(items=list(lines), pages=list(pages))


@router.post("/preview", responses=refusals(404))
async def preview_wording(
    trial: WordingTrial, caller: Viewer, internal: InternalClient, settings: AppSettings
) -> MessagePreview:
    """A message in these words and in sample data, with what Upward adds; or the text of a page. Nothing is stored."""
    own = _checked(trial.template, trial)
    if isinstance(trial.template, PageText):
        told = page_sample_of(trial.template, words_of(trial.language), own)
        shown = {"subject": told.subject, "text": "\n\n".join(told.paragraphs), "html": told.html} if told else {}
        return MessagePreview(template=trial.template, sender="", **shown)
    brand = await read_brand(internal, caller.organization_id)
    sample = sample_of(trial.template, words_of(trial.language), own, brand)
    sender = str(sender_of(settings.mail_from, brand.sender_name))
    return MessagePreview(template=trial.template, sender=sender, **sample._asdict())


@router.get("/{template}/{language}", responses=refusals(404))
async def read_wording(
    template: Template | PageText,
    language: SpokenLanguage,
    caller: Viewer,
    session: Session,
    internal: InternalClient,
    response: Response,
    program_id: OfProgram = None,
) -> Wording:
    """The words of these messages, whoever wrote them, and the placeholders that they may hold."""
    direction = await read_direction(internal, caller.organization_id, program_id)
    return await _read(session, Place(caller.organization_id, program_id, template, language), direction, response)


@router.put("/{template}/{language}", responses=refusals(404))
async def replace_wording(
    template: Template | PageText,
    language: SpokenLanguage,
    text: WordingText,
    caller: Admin,
    session: Session,
    internal: InternalClient,
    response: Response,
    program_id: OfProgram = None,
    if_match: IfMatch = None,
) -> Wording:
    """Writes the words of these messages. They count for each message that is sent from now on."""
    expected, place = check_present(if_match), Place(caller.organization_id, program_id, template, language)
    own = _checked(template, text)
    direction = await read_direction(internal, caller.organization_id, program_id)
    await store.save_wording(session, place, own, expected)
    return await _read(session, place, direction, response)


@router.delete("/{template}/{language}", responses=refusals(404))
async def reset_wording(
    template: Template | PageText,
    language: SpokenLanguage,
    caller: Admin,
    session: Session,
    internal: InternalClient,
    response: Response,
    program_id: OfProgram = None,
    if_match: IfMatch = None,
) -> Wording:
    """Takes back what was written here, and answers what the messages say now."""
    expected, place = check_present(if_match), Place(caller.organization_id, program_id, template, language)
    direction = await read_direction(internal, caller.organization_id, program_id)
    _check_worded(template)
    await store.save_wording(session, place, None, expected)
    return await _read(session, place, direction, response)


@internal.get("/page-words")
async def give_page_words(caller: ServiceCaller, session: Reading, program_id: UUID) -> OwnPageWords:
    return await store.read_own_pages(session, caller.organization_id, program_id)


async def _read(session: Session, place: Place, direction: Direction, response: Response) -> Wording:
    """Raises NoWording."""
    _check_worded(place.template)
    organization_id, program_id, template, language = place
    of = PageText if isinstance(template, PageText) else Template
    found = await store.read_wordings(session, organization_id, program_id, [template], language, of)
    here = next((one for one in found if one.of_program is (place.program_id is not None)), None)
    ours = rules.our_words(place.template, words_of(place.language), direction)
    sourced = [SourcedText(**ours._asdict(), source=Source.UPWARD)]
    sourced += [SourcedText(**one.wording._asdict(), source=_source(one)) for one in found if one.wording is not None]
    changed = here is not None and here.wording is not None
    version = here.version if here is not None else 0
    response.headers["etag"] = etag(version)
    examples = examples_of(place.template, words_of(place.language))
    return Wording(
        **sourced[-1].model_dump(),
        template=place.template,
        language=place.language,
        program_id=place.program_id,
        readers=_readers(place.template),
        changed=changed,
        otherwise=sourced[-2] if changed else sourced[-1],
        placeholders=[
            PlaceholderInfo(name=name, meaning=rules.ABOUT[name].meaning, example=examples[name])
            for name in rules.placeholders_of(place.template)
        ],
        version=version,
        updated_at=here.updated_at if here is not None else None,
    )


def _checked(template: rules.Worded, text: WordingText) -> rules.Wording:
    """The wording, if all of its placeholders are those of the template. Raises NoWording, Invalid."""
    _check_worded(template)
    wording = rules.Wording(text.subject, text.body)
    if faults := rules.faults_of(template, wording):
        errors = [fault._asdict() | {"field": f"body.{fault.field}"} for fault in faults]
        raise Invalid("The words hold braces that are no placeholder; see errors.", code=faults[0].code, errors=errors)
    return wording


def _check_worded(template: rules.Worded) -> None:
    if not rules.may_be_worded(template):
        raise NoWording("The words of this message are always ours; GET /v1/wordings lists the others.")


def _readers(template: rules.Worded) -> Readers:
    return Readers.STAFF if rules.is_for_staff(template) else Readers.PARTICIPANTS


def _changed(found: Iterable[StoredWording], template: rules.Worded) -> list[ChangedWording]:
    """The languages in which it has words of its own, each once; those of a program go before those of all programs."""
    own = {one.language: one for one in found if one.template is template and one.wording is not None}
    return [
        ChangedWording(language=language, source=_source(one), updated_at=one.updated_at)
        for language, one in sorted(own.items())
    ]


def _source(stored: StoredWording) -> Source:
    return Source.PROGRAM if stored.of_program else Source.ORGANIZATION
