"""What workflows can be found by in Temporal: search attributes and summaries. They hold ids and codes alone.

A namespace that does not know an attribute refuses every workflow that has it. So whoever starts a workflow from
outside decides: the dispatcher gives attributes if the namespace knows them. A workflow that was started with them
hands them to its children, and keeps its stage up to date; one that was started without never sets any.
"""

from uuid import UUID

from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from shared.contracts.base import SEARCHED_CYCLE, SEARCHED_ORGANIZATION, SEARCHED_STAGE
from shared.contracts.notifications import Announcement
from shared.contracts.programs import Stage

ORGANIZATION = SearchAttributeKey.for_keyword(SEARCHED_ORGANIZATION)
CYCLE = SearchAttributeKey.for_keyword(SEARCHED_CYCLE)
STAGE = SearchAttributeKey.for_keyword(SEARCHED_STAGE)
KEYS = (ORGANIZATION, CYCLE, STAGE)


def attributes_of(organization_id: UUID, argument: BaseModel) -> TypedSearchAttributes:
    """The attributes of a workflow that is started with this argument."""
    stage: Stage | None = getattr(argument, "stage", None)
    return _attributes(organization_id, getattr(argument, "cycle_id", None), stage)


def attributes_of_child(cycle_id: UUID | None) -> TypedSearchAttributes | None:
    """Those of a child of this workflow; None if this one has none."""
    own = workflow.info().typed_search_attributes.get(ORGANIZATION)
    return None if own is None else _attributes(UUID(own), cycle_id)


def show_stage(stage: Stage) -> None:
    """Lets a cycle be found by its stage."""
    shown = workflow.info().typed_search_attributes.get(STAGE)
    if shown is not None and shown != stage.value and workflow.patched("stage-is-searchable"):
        workflow.upsert_search_attributes([STAGE.value_set(stage.value)])


def summary_of(argument: BaseModel) -> str | None:
    """What Temporal's web interface says of a workflow, beside its type: the codes that tell it from its likes. None if
    its type says it all."""
    if isinstance(argument, Announcement):
        return f"{argument.template.value} to {argument.audience.value}, {argument.occurrence}"
    kind, number = getattr(argument, "kind", None), getattr(argument, "number", None)
    if kind is not None and number is not None:
        return f"{kind.value} {number}"
    return None


def _attributes(organization_id: UUID, cycle_id: UUID | None, stage: Stage | None = None) -> TypedSearchAttributes:
    pairs: list[SearchAttributePair[str]] = [SearchAttributePair(ORGANIZATION, str(organization_id))]
    if cycle_id is not None:
        pairs.append(SearchAttributePair(CYCLE, str(cycle_id)))
    if stage is not None:
        pairs.append(SearchAttributePair(STAGE, stage.value))
    return TypedSearchAttributes(pairs)
