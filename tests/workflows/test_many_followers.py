"""What a cycle has started and announced: told in batches, forgotten when it is over; and no announcement is in a
hurry that leads nowhere."""

from datetime import timedelta
from uuid import uuid4

from shared.contracts.notifications import Announcement, Audience, Delivery, Template
from shared.contracts.programs import Outcome
from shared.temporal import activity_methods
from tests.fakes import DAY, START, FakeNotifications, Ledger
from tests.workflows.simulated import SimulatedCycle
from tests.workflows.simulator import Simulation
from workflows.registry import WORKFLOWS
from workflows.states.cycle_state import CycleState


def test_hundreds_of_followers_are_told_in_a_few_tasks() -> None:
    cycle = SimulatedCycle()
    ids = tuple(f"announcement-{uuid4()}" for _ in range(250))
    state = CycleState(organization_id=cycle.ledger.organization_id, cycle_id=cycle.ledger.cycle_id, announcements=ids)
    other = cycle.simulation.start("CycleWorkflow", state, "cycle-of-old-announcements")
    cycle.simulation.run(longest=DAY)
    before = other.tasks
    cycle.simulation.signal(other.id, "pause", {"sequence": 1})
    cycle.simulation.run(longest=DAY)
    assert {id for id, name in cycle.simulation.signalled if name == "pause"} >= {*ids}
    assert other.tasks - before < 10


def test_a_cycle_in_many_runs_knows_only_the_announcements_that_still_run() -> None:
    cycle = SimulatedCycle(longest_history=60)
    cycle.ledger.calendar = cycle.ledger.calendar.model_copy(update={"check_ins": 12})
    later = Delivery(sent=0, failed=0, waiting=1, next_due_at=START + 1000 * DAY)
    lengths, kept = [], None
    for moment in cycle.simulation.moments():
        kickoffs = [one.id for one in cycle.ledger.announced if one.template is Template.KICKOFF]
        if kept is None and moment in [("deliver_messages", f"announcement-{id}", False) for id in kickoffs]:
            kept = moment.workflow_id
            cycle.ledger.deliveries.append(later)
        lengths.append(len(cycle.simulation.ended.get(cycle.id, ())))
    assert max(lengths) > 3
    assert cycle.last.result.outcome is Outcome.COMPLETED
    assert kept in cycle.last.result.announcements
    assert len(cycle.last.result.announcements) < 4


class Telling:
    """One announcement in the simulator."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.simulation = Simulation(WORKFLOWS, activity_methods(FakeNotifications(self.ledger)), start=START)
        self.announcement = Announcement(
            organization_id=self.ledger.organization_id,
            cycle_id=self.ledger.cycle_id,
            scope_id=self.ledger.cycle_id,
            template=Template.KICKOFF,
            audience=Audience.PARTICIPANTS,
        )
        self.id = f"announcement-{self.announcement.id}"

    def start(self) -> None:
        self.simulation.start("AnnouncementWorkflow", self.announcement, self.id)


def test_a_message_that_is_due_here_and_not_yet_there_is_tried_again_after_growing_pauses() -> None:
    """The database's clock is behind, or it names no time at all."""
    for due in (START - DAY, None):
        telling = Telling()
        telling.ledger.deliveries = [Delivery(sent=0, failed=0, waiting=1, next_due_at=due)] * 5000
        telling.start()
        telling.simulation.run(longest=timedelta(hours=1))
        assert 60 <= 5000 - len(telling.ledger.deliveries) <= 75


def test_a_delivery_that_made_progress_goes_on_at_once() -> None:
    telling = Telling()
    telling.ledger.deliveries = [
        Delivery(sent=50 * batch, failed=0, waiting=500 - 50 * batch, next_due_at=START) for batch in range(1, 10)
    ]
    telling.start()
    telling.simulation.run(longest=timedelta(seconds=1))
    assert telling.ledger.delivered == [telling.announcement.id]


def test_an_announcement_of_a_long_history_goes_on_in_a_new_run_and_prepares_nothing_again() -> None:
    telling = Telling()
    telling.ledger.deliveries = [Delivery(sent=0, failed=0, waiting=1, next_due_at=START)] * 2000
    telling.start()
    telling.simulation.run(longest=3 * DAY)
    runs = telling.simulation.ended[telling.id]
    assert len(runs) > 1
    assert telling.ledger.announced == [telling.announcement]
    assert telling.ledger.delivered == [telling.announcement.id]
