"""In-memory services for the workflow tests: the same contracts as the real ones, so they cannot drift."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from temporalio import activity

from shared.contracts.endpoints import Drained, EndpointRef, EventsActivities
from shared.contracts.feedback import (
    CompileReport,
    ConcernsResolved,
    ConcernState,
    ConcernsTold,
    EscalateConcern,
    EscalateRound,
    FeedbackActivities,
    ReportCompiled,
    ResolveConcerns,
    RoundConcerns,
    TellConcerns,
)
from shared.contracts.intake import IntakeActivities, Leaver, LeaverExcused
from shared.contracts.matching import (
    ConcludeOffers,
    ConcludePairs,
    LeaverReleased,
    MatchingActivities,
    OffersConcluded,
    PairsConcluded,
    PairState,
    Proposal,
    ProposeMatches,
    ReleasedPair,
)
from shared.contracts.notifications import (
    Announcement,
    DeliverMessages,
    Delivery,
    DropMessages,
    MessagesDropped,
    MessagesPrepared,
    NotificationsActivities,
    PrepareMessages,
    Template,
)
from shared.contracts.programs import (
    Calendar,
    CreatePeriodCycle,
    CyclePlan,
    CycleRef,
    Direction,
    LadderDates,
    MatchingPolicy,
    OrganizationRef,
    PeriodCycle,
    PlanLadder,
    ProgramRef,
    ProgramsActivities,
    RecordStage,
    ScheduleApplied,
    Stage,
    StageRecorded,
)
from shared.contracts.recovery.facts import (
    AnnouncementsFound,
    AnnouncementStanding,
    CycleStanding,
    MatchingRecovery,
    NotificationsRecovery,
    OffersStanding,
    ProgramsRecovery,
)
from shared.contracts.rounds import (
    CloseRound,
    ExtendRound,
    OpenRound,
    RoundActivities,
    RoundClosed,
    RoundExtended,
    RoundKind,
    RoundOpened,
)
from shared.contracts.working_days import WorkingDays, ladder_dates

Script = Callable[[], Awaitable[None]]
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
LAST_OF_PAGE = UUID(int=500)
"""The last person of the first page of a large audience."""


class Ledger:
    """What the fakes are told to answer, and what they were asked."""

    def __init__(self) -> None:
        self.organization_id = uuid4()
        self.cycle_id = uuid4()
        self.calendar = Calendar(sending_hours=None)
        self.recipients: dict[RoundKind, int] = defaultdict(lambda: 4)
        self.pending: int | None = None
        """How many answers are missing when a round is opened."""
        self.enrolled = 4
        self.proposals: list[int] = [2]
        """Pairs of each match run, in order; the last one repeats."""
        self.active = 2
        self.concern_open = True
        self.silent = 3
        """Open concerns about missed check-ins, of each round."""
        self.paused = False
        """Whether the cycle is paused, as far as is written."""
        self.concerns: dict[UUID, str] = {}
        """The open concerns, and the workflow of each."""
        self.page = 100
        self.tell: Callable[[str, str], Awaitable[None]] | None = None
        """Signals a workflow."""
        self.returned: set[UUID] = set()
        """Leavers who are back."""
        self.pairs_of: dict[UUID, list[ReleasedPair]] = defaultdict(list)
        """The pairs that end when somebody has left."""
        self.at_rest: Script | None = None
        """What happens before an announcement's messages after the first page are prepared; None if there are none."""
        self.deliveries: list[Delivery] = []
        """Answers of the next deliveries; then everything is sent at once."""
        self.drains: list[Drained] = []
        """Answers of the next drains; then nothing is left."""
        self.at_drain: dict[int, Script] = {}
        """What happens in a drain, counted from 1."""
        self.at_stage: dict[Stage, Script] = {}
        """What happens when a stage is recorded, before the workflow hears that it was."""
        self.at_open: dict[tuple[RoundKind, int], Script] = {}
        self.at_proposal: dict[int, Script] = {}

        self.standing = CycleStanding(stage=Stage.SCHEDULED, since=START)
        """What the rows say when a workflow begins again, as do the next two."""
        self.offers = OffersStanding()
        self.unfinished: list[AnnouncementStanding] = []

        self.stages: list[Stage] = []
        self.opened: list[OpenRound] = []
        self.closed: list[CloseRound] = []
        self.extended: list[ExtendRound] = []
        self.announced: list[Announcement] = []
        self.delivered: list[UUID] = []
        self.drained: list[EndpointRef] = []
        self.dropped: list[UUID] = []
        self.proposed: list[ProposeMatches] = []
        self.run_ids: list[UUID] = []
        self.concluded: list[PairState] = []
        self.excused: list[Leaver] = []
        self.released: list[Leaver] = []
        self.resolved: list[UUID] = []
        self.escalated: list[EscalateConcern] = []
        self.escalated_rounds: list[EscalateRound] = []
        self.told: list[TellConcerns] = []
        self.reports: list[CompileReport] = []
        self.periods: list[CreatePeriodCycle] = []
        self.schedules: list[ProgramRef] = []
        self.ladders: list[PlanLadder] = []
        self.overviews: list[OrganizationRef] = []

    def templates(self) -> list[Template]:
        """What was announced, without repeats, in order."""
        return list(dict.fromkeys(announcement.template for announcement in self.announced))


class FakePrograms(ProgramsActivities, ProgramsRecovery):
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @activity.defn
    async def read_plan(self, request: CycleRef) -> CyclePlan:
        return CyclePlan(
            organization_id=request.organization_id,
            program_id=uuid4(),
            cycle_id=request.cycle_id,
            direction=Direction.REVERSE,
            starts_at=START,
            calendar=self._ledger.calendar,
            policy=MatchingPolicy(),
            paused=self._ledger.paused,
        )

    @activity.defn
    async def read_standing(self, request: CycleRef) -> CycleStanding:
        return self._ledger.standing

    @activity.defn
    async def plan_ladder(self, request: PlanLadder) -> LadderDates:
        self._ledger.ladders.append(request)
        days = WorkingDays("UTC", self._ledger.calendar.holidays)
        return ladder_dates(request.ladder, days, request.begun_at, request.pauses)

    @activity.defn
    async def record_stage(self, request: RecordStage) -> StageRecorded:
        self._ledger.stages.append(request.stage)
        if script := self._ledger.at_stage.pop(request.stage, None):
            await script()
        return StageRecorded(stage=request.stage)

    @activity.defn
    async def create_period_cycle(self, request: CreatePeriodCycle) -> PeriodCycle:
        self._ledger.periods.append(request)
        return PeriodCycle(cycle_id=uuid4())

    @activity.defn
    async def apply_schedule(self, request: ProgramRef) -> ScheduleApplied:
        self._ledger.schedules.append(request)
        return ScheduleApplied(active=True)

    @activity.defn
    async def ensure_overview(self, request: OrganizationRef) -> ScheduleApplied:
        self._ledger.overviews.append(request)
        return ScheduleApplied(active=True)


class FakeRounds(RoundActivities):
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @activity.defn
    async def open_round(self, request: OpenRound) -> RoundOpened:
        before = next((found for found in self._ledger.opened if found.round_id == request.round_id), None)
        if before is None:
            self._ledger.opened.append(request)
        if script := self._ledger.at_open.pop((request.kind, request.number), None):
            await script()
        return RoundOpened(
            recipients=self._ledger.recipients[request.kind],
            closes_at=(before or request).closes_at,
            open=request.round_id not in [found.round_id for found in self._ledger.closed],
            pending=self._ledger.pending,
        )

    @activity.defn
    async def extend_round(self, request: ExtendRound) -> RoundExtended:
        self._ledger.extended.append(request)
        return RoundExtended(closes_at=request.closes_at)

    @activity.defn
    async def close_round(self, request: CloseRound) -> RoundClosed:
        if request.round_id not in [found.round_id for found in self._ledger.closed]:
            self._ledger.closed.append(request)
        kind = next(found.kind for found in self._ledger.opened if found.round_id == request.round_id)
        return RoundClosed(recipients=self._ledger.recipients[kind], answered=0)


class FakeIntake(FakeRounds, IntakeActivities):
    @activity.defn
    async def excuse_leaver(self, request: Leaver) -> LeaverExcused:
        self._ledger.excused.append(request)
        return LeaverExcused(gone=request.person_id not in self._ledger.returned)


class FakeMatching(FakeRounds, MatchingActivities, MatchingRecovery):
    @activity.defn
    async def propose_matches(self, request: ProposeMatches) -> Proposal:
        ledger = self._ledger
        ledger.proposed.append(request)
        ledger.run_ids.append(uuid4())
        if script := ledger.at_proposal.pop(request.attempt, None):
            await script()
        pairs = ledger.proposals.pop(0) if len(ledger.proposals) > 1 else ledger.proposals[0]
        return Proposal(match_run_id=ledger.run_ids[-1], enrolled=ledger.enrolled, pairs=pairs, unmatched=0)

    @activity.defn
    async def read_offers(self, request: CycleRef) -> OffersStanding:
        return self._ledger.offers

    @activity.defn
    async def conclude_offers(self, request: ConcludeOffers) -> OffersConcluded:
        return OffersConcluded(active=self._ledger.active)

    @activity.defn
    async def conclude_pairs(self, request: ConcludePairs) -> PairsConcluded:
        self._ledger.concluded.append(request.state)
        return PairsConcluded(pairs=self._ledger.active)

    @activity.defn
    async def release_leaver(self, request: Leaver) -> LeaverReleased:
        self._ledger.released.append(request)
        return LeaverReleased(pairs=tuple(self._ledger.pairs_of[request.person_id]))


class FakeFeedback(FakeRounds, FeedbackActivities):
    @activity.defn
    async def escalate_concern(self, request: EscalateConcern) -> ConcernState:
        self._ledger.escalated.append(request)
        return ConcernState(open=self._ledger.concern_open)

    @activity.defn
    async def escalate_round(self, request: EscalateRound) -> RoundConcerns:
        self._ledger.escalated_rounds.append(request)
        return RoundConcerns(open=self._ledger.silent)

    @activity.defn
    async def tell_concerns(self, request: TellConcerns) -> ConcernsTold:
        """A page of the concerns."""
        self._ledger.told.append(request)
        concerns = list(self._ledger.concerns)
        if request.after is not None:
            concerns = concerns[concerns.index(request.after) + 1 :]
        for concern_id in (page := concerns[: self._ledger.page]):
            if self._ledger.tell is not None:
                await self._ledger.tell(self._ledger.concerns[concern_id], request.word.value)
        return ConcernsTold(told=len(page), after=page[-1] if len(concerns) > len(page) else None)

    @activity.defn
    async def resolve_concerns(self, request: ResolveConcerns) -> ConcernsResolved:
        self._ledger.resolved += request.pair_ids
        return ConcernsResolved(concerns=0)

    @activity.defn
    async def compile_report(self, request: CompileReport) -> ReportCompiled:
        self._ledger.reports.append(request)
        return ReportCompiled(outcome=request.outcome)


class FakeNotifications(NotificationsActivities, NotificationsRecovery):
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @activity.defn
    async def prepare_messages(self, request: PrepareMessages) -> MessagesPrepared:
        if request.after is None:
            self._ledger.announced.append(request.announcement)
            return MessagesPrepared(prepared=4, after=LAST_OF_PAGE if self._ledger.at_rest is not None else None)
        assert (request.after, request.rest) == (LAST_OF_PAGE, True)
        if self._ledger.at_rest is not None:
            await self._ledger.at_rest()
        return MessagesPrepared(prepared=4)

    @activity.defn
    async def deliver_messages(self, request: DeliverMessages) -> Delivery:
        if self._ledger.deliveries:
            return self._ledger.deliveries.pop(0)
        self._ledger.delivered.append(request.announcement_id)
        return Delivery(sent=4, failed=0, waiting=0)

    @activity.defn
    async def find_announcements(self, request: CycleRef) -> AnnouncementsFound:
        return AnnouncementsFound(announcements=tuple(self._ledger.unfinished))

    @activity.defn
    async def drop_messages(self, request: DropMessages) -> MessagesDropped:
        self._ledger.dropped.append(request.announcement_id)
        return MessagesDropped(dropped=0)


DAY = timedelta(days=1)


class FakeEvents(EventsActivities):
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @activity.defn
    async def drain_endpoint(self, request: EndpointRef) -> Drained:
        self._ledger.drained.append(request)
        if script := self._ledger.at_drain.pop(len(self._ledger.drained), None):
            await script()
        return self._ledger.drains.pop(0) if self._ledger.drains else Drained()
