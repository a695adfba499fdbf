"""The people of an enrolment file as matching sees them."""

from services.intake.enrolment_file.directory import Directory
from services.intake.enrolment_file.enrolments import Enrolment
from shared.contracts.intake import PoolPerson


def pool_person(enrolment: Enrolment, directory: Directory) -> PoolPerson:
    """One enrolled person. Who names no language speaks their own."""
    person = enrolment.person
    return PoolPerson(
        person_id=person.id,
        role=enrolment.role,
        level=person.level,
        department=person.department,
        location=person.location,
        time_zone=person.time_zone,
        managers=directory.managers(person),
        languages=enrolment.languages or (person.language,),
        topics_taught=tuple(enrolment.taught),
        taught_levels={topic: level for topic, level in enrolment.taught.items() if level is not None},
        topics_wanted=enrolment.wanted,
        mentor_capacity=enrolment.mentor_capacity,
        mentee_capacity=enrolment.mentee_capacity,
        meeting_windows=enrolment.meeting_windows,
        preferred=enrolment.preferred,
        avoided=enrolment.avoided,
    )
