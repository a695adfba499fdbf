"""Quarterly recurrence on a real Temporal: the schedule that a program asks for, and the one cycle a quarter of it."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from temporalio.client import ScheduleDescription, ScheduleHandle, ScheduleRange
from temporalio.service import RPCError, RPCStatusCode

from tests.e2e.company import Company
from upward.stack import Stack

ZONE = "Asia/Tokyo"


def schedule_of(stack: Stack, program_id: str) -> ScheduleHandle:
    return stack.resources.temporal.get_schedule_handle(f"recurrence-{program_id}")


async def description(stack: Stack, program_id: str) -> ScheduleDescription | None:
    try:
        return await schedule_of(stack, program_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def replace(acme: Company, program_id: str, **changes: Any) -> None:
    url, headers = f"{acme.url}/v1/programs/{program_id}", {"authorization": f"Bearer {acme.key}"}
    program = (await acme.http.get(url, headers=headers)).json()
    kept = {name: program[name] for name in ("name", "topics", "time_zone", "calendar", "recurs")}
    answer = await acme.http.put(url, json=kept | changes, headers=headers | {"if-match": "*"})
    assert answer.status_code == 200, answer.text


async def test_a_recurring_program_has_a_schedule_for_the_first_monday_of_each_quarter_in_its_zone(
    stack: Stack, acme: Company
) -> None:
    program_id = await acme.add_program(recurs=True, time_zone=ZONE)

    async def scheduled() -> ScheduleDescription | None:
        return await description(stack, program_id)

    found = await acme.until(scheduled)
    assert found.schedule.spec.time_zone_name == ZONE
    assert found.schedule.policy.catchup_window == timedelta(hours=24)
    (calendar,) = found.schedule.spec.calendars
    assert list(calendar.day_of_month) == [ScheduleRange(1, 7, 1)]
    assert list(calendar.hour) == [ScheduleRange(9, 9, 1)]
    starts = [moment.astimezone(ZoneInfo(ZONE)) for moment in found.info.next_action_times]
    assert len(starts) >= 4
    for moment in starts:
        assert moment.month in (1, 4, 7, 10)
        assert (moment.weekday(), moment.hour, moment.minute) == (0, 9, 0)
        assert moment.day <= 7


async def test_the_schedule_starts_one_cycle_a_quarter_however_often_it_fires(stack: Stack, acme: Company) -> None:
    program_id = await acme.add_program(recurs=True, time_zone=ZONE)

    async def scheduled() -> ScheduleDescription | None:
        return await description(stack, program_id)

    await acme.until(scheduled)
    headers = {"authorization": f"Bearer {acme.key}"}

    async def cycles() -> list[dict[str, Any]]:
        answer = await acme.http.get(f"{acme.url}/v1/programs/{program_id}/cycles", headers=headers)
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def fired(times: int) -> bool:
        """So many runs of the schedule's workflow have ended well."""
        query = f"TemporalScheduledById = 'recurrence-{program_id}' AND ExecutionStatus = 'Completed'"
        return (await stack.resources.temporal.count_workflows(query)).count >= times

    for times in (1, 2):
        await schedule_of(stack, program_id).trigger()
        await acme.until(lambda times=times: fired(times))  # type: ignore[misc]
    (cycle,) = await cycles()
    assert cycle["period"][4:6] == "-Q"
    assert len(await acme.until_letters("enrolment_invitation", 7)) == 7
    assert (await acme.admin.cycle(cycle["id"]))["stage"] == "intake"


async def test_changing_the_zone_changes_the_schedule_and_turning_recurrence_off_deletes_it(
    stack: Stack, acme: Company
) -> None:
    program_id = await acme.add_program(recurs=True, time_zone=ZONE)

    async def zone(name: str | None) -> bool:
        found = await description(stack, program_id)
        return (found.schedule.spec.time_zone_name if found else None) == name

    await acme.until(lambda: zone(ZONE))
    await replace(acme, program_id, time_zone="America/New_York")
    await acme.until(lambda: zone("America/New_York"))
    await replace(acme, program_id, recurs=False)
    await acme.until(lambda: zone(None))
    await replace(acme, program_id, recurs=True)
    await acme.until(lambda: zone("America/New_York"))


async def test_a_program_that_does_not_recur_has_no_schedule(stack: Stack, acme: Company) -> None:
    still, recurring = await acme.add_program(), await acme.add_program(recurs=True)

    async def scheduled() -> ScheduleDescription | None:
        return await description(stack, recurring)

    await acme.until(scheduled)
    assert await description(stack, still) is None
