"""`upward up --sample`: a company with a cycle in every stage, also when its making was interrupted."""

from datetime import UTC, datetime, timedelta

from shared.contracts.programs import Stage
from tests.e2e.sample import JUNIORS, SENIORS, Made, read
from upward.sample.cycles import CYCLES


def test_the_sample_has_one_cycle_in_every_stage_however_often_it_was_interrupted(made: Made) -> None:
    stages = {program: [cycle["stage"] for cycle in cycles] for program, cycles in made.cycles.items()}
    assert stages == {one.program: [one.until] for one in CYCLES}, made.maker.said
    assert made.in_stage(Stage.COMPLETED)["outcome"] == "completed", made.maker.said


async def test_there_is_something_to_look_at_in_each_stage(made: Made) -> None:
    [asked] = made.in_stage(Stage.INTAKE)["rounds"]
    assert 0 < asked["answered"] < asked["recipients"] == 1 + SENIORS + JUNIORS
    runs = await made.admin.match_runs(made.in_stage(Stage.REVIEW)["id"])
    assert [(run["state"], run["pairs_count"] > 0) for run in runs] == [("proposed", True)]
    concerns = await made.admin.concerns(made.in_stage(Stage.ACTIVE)["id"])
    assert {(concern["state"], concern["reason"]) for concern in concerns} == {("open", "not_a_fit")}
    report = await made.admin.report(made.in_stage(Stage.COMPLETED)["id"])
    assert report["funnel"]["pairs_completed"] > 0


def test_what_is_to_come_takes_days_and_not_seconds(made: Made) -> None:
    [asked] = made.in_stage(Stage.INTAKE)["rounds"]
    assert datetime.fromisoformat(asked["closes_at"]) - datetime.now(UTC) > timedelta(days=10)
    calendar = made.in_stage(Stage.ACTIVE)["calendar"]
    assert (calendar["check_in_every"], calendar["concern"]["escalate_after"]) == ("P14D", "P3D")
    assert made.in_stage(Stage.REVIEW)["calendar"]["approval"]["remind_every"] == "P2D"


async def test_a_sample_that_is_there_is_shown_with_its_addresses_and_its_key_and_made_no_second_time(
    made: Made,
) -> None:
    key = made.maker.key
    await made.maker.make()
    found = await read(made.admin)
    assert {name: [cycle["id"] for cycle in cycles] for name, cycles in found.items()} == {
        name: [cycle["id"] for cycle in cycles] for name, cycles in made.cycles.items()
    }
    addresses = [f"{made.maker.stack.url}/console/cycles/{cycle['id']}" for [cycle] in found.values()]
    assert [text for text in (*addresses, key) if text not in made.maker.said] == []
    assert (made.maker.key, "stage" in made.maker.said) == (key, False)
