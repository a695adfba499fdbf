"""Enrolments are understood as people write them, and refused where they could mean something else."""

import pytest

from services.intake.enrolment_file import cells
from services.intake.enrolment_file.column_map import EnrolmentColumns
from services.intake.enrolment_file.columns import find_columns
from services.intake.enrolment_file.problems import FilesInvalid
from services.intake.enrolment_file.topics import Topics
from services.intake.importing.cells import BadCell
from shared.contracts.intake import EnrolmentRole, MeetingWindow, TeachingLevel
from shared.contracts.programs import Topic

EXPERT, GOOD, BASICS = TeachingLevel.EXPERT, TeachingLevel.GOOD, TeachingLevel.BASICS


def columns_of(*header: str, columns: EnrolmentColumns | None = None) -> dict[str, list[str]]:
    layout = find_columns("e.csv", list(header), 1, columns or EnrolmentColumns())
    return {field: [column.header for column in found] for field, found in layout.items()}


def windows(cell: str) -> str:
    return " ".join(window.value for window in cells.parse_windows(cell))


@pytest.mark.parametrize(
    ("cell", "role"),
    [
        ("mentor", "mentor"),
        ("Mentor:in", "mentor"),
        ("Mentorin", "mentor"),
        ("als Mentor/in", "mentor"),
        ("I want to be a mentee", "mentee"),
        ("Learner", "mentee"),
        ("Both", "both"),
        ("Mentor & Mentee", "both"),
        ("mentor; mentee", "both"),
        ("beides", "both"),
        ("none", None),
        ("No", None),
        ("Digital buddy", "mentor"),
    ],
)
def test_a_role_is_known_in_several_languages_and_forms(cell: str, role: str | None) -> None:
    found = cells.parse_role(cell, {"digital buddy": "mentor"})
    assert found == (EnrolmentRole(role) if role else None)


@pytest.mark.parametrize("cell", ["boss", "maybe", "mentoring", "not sure"])
def test_what_is_no_role_is_not_guessed(cell: str) -> None:
    with pytest.raises(BadCell, match=r"write mentor, mentee, both or none"):
        cells.parse_role(cell, {})


@pytest.mark.parametrize(
    ("entry", "label", "level"),
    [
        ("Generative AI:expert", "Generative AI", EXPERT),
        ("Generative AI : Good", "Generative AI", GOOD),
        ("Generative AI = 1", "Generative AI", BASICS),
        ("Generative AI (basics)", "Generative AI", BASICS),
        ("Kurzvideos (Anfänger)", "Kurzvideos", BASICS),
        ("Judo: Black belt", "Judo", EXPERT),
        ("Generative AI", "Generative AI", None),
        ("Video (TikTok)", "Video (TikTok)", None),
    ],
)
def test_a_topic_may_say_how_well_it_is_taught(entry: str, label: str, level: TeachingLevel | None) -> None:
    assert cells.parse_skill(entry, {"black belt": "expert"}, False) == (label, level)


def test_a_level_that_is_not_known_is_refused_unless_the_colon_is_part_of_a_topic() -> None:
    with pytest.raises(BadCell, match="basics, good or expert"):
        cells.parse_skill("Generative AI:exprt", {}, False)
    assert cells.parse_skill("Culture: gaming", {}, True) == ("Culture: gaming", None)


@pytest.mark.parametrize(
    ("cell", "entries"),
    [
        ("AI; Video", ["AI", "Video"]),
        ("AI;Video;", ["AI", "Video"]),
        ("AI, Video", ["AI", "Video"]),
        ("Data, maps; Video", ["Data, maps", "Video"]),
        ("Video (short, long), AI", ["Video (short, long)", "AI"]),
        ("AI\nVideo", ["AI", "Video"]),
        ("N/A", []),
        ("-", []),
        ("", []),
    ],
)
def test_a_list_is_divided_at_semicolons_or_lines_and_only_else_at_commas(cell: str, entries: list[str]) -> None:
    assert cells.split(cell) == entries


@pytest.mark.parametrize(
    ("cell", "places"), [("2", 2), ("2.0", 2), ("2,0", 2), ("up to 3", 3), ("max. 3 people", 3), ("50", 50)]
)
def test_a_capacity_is_a_number_between_words(cell: str, places: int) -> None:
    assert cells.parse_places(cell) == places


@pytest.mark.parametrize("cell", ["0", "two", "1-2", "51", "-1", "1.5", "9" * 5000])
def test_a_capacity_that_is_no_whole_number_is_refused(cell: str) -> None:
    with pytest.raises(BadCell):
        cells.parse_places(cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("mon-am; tue-pm", "mon-am tue-pm"),
        ("Tue PM, Mon AM", "mon-am tue-pm"),
        ("Monday morning", "mon-am"),
        ("Mo vormittags, Do", "mon-am thu-am thu-pm"),
        ("Mon am/pm", "mon-am mon-pm"),
        ("Mon/Tue a.m.", "mon-am tue-am"),
        ("Mon-Wed am", "mon-am tue-am wed-am"),
        ("Di bis Do nachmittags", "tue-pm wed-pm thu-pm"),
        ("mardi matin; jeudi", "tue-am thu-am thu-pm"),
        ("Afternoons", "mon-pm tue-pm wed-pm thu-pm fri-pm"),
        ("every morning", "mon-am tue-am wed-am thu-am fri-am"),
    ],
)
def test_meeting_windows_are_half_days(cell: str, expected: str) -> None:
    assert windows(cell) == expected


def test_who_can_always_meet_can_meet_in_all_windows() -> None:
    assert cells.parse_windows("any time") == list(MeetingWindow)


@pytest.mark.parametrize("cell", ["someday", "Sat am", "Mon 9-12", "mon-am; whenever", "Mon, pm"])
def test_what_is_no_half_working_day_is_refused(cell: str) -> None:
    with pytest.raises(BadCell, match="mon-am"):
        cells.parse_windows(cell)


def test_languages_are_codes_or_names_with_or_without_how_well_they_are_spoken() -> None:
    assert cells.parse_languages("German (native), English / fr-CH and Spanisch", {}) == ["de", "en", "fr", "es"]
    assert cells.parse_languages("Klingonisch", {"klingonisch": "tlh"}) == ["tlh"]
    with pytest.raises(BadCell):
        cells.parse_languages("Klingonisch", {})


def test_headers_are_recognised_in_other_spellings_and_languages() -> None:
    assert columns_of("E-Mail-Adresse", "ROLLE", "Kann zeigen", "möchte_lernen", "Kapazität", "Startzeit") == {
        "email": ["E-Mail-Adresse"],
        "role": ["ROLLE"],
        "topics_taught": ["Kann zeigen"],
        "topics_wanted": ["möchte_lernen"],
        "capacity": ["Kapazität"],
    }


def test_numbered_columns_are_one_list_in_the_order_of_their_numbers() -> None:
    found = columns_of("Employee ID", "Role", "Wish 2", "Wish 1", "Topics wanted 1", "Topics wanted 2")
    assert (found["preferred"], found["topics_wanted"]) == (
        ["Wish 1", "Wish 2"],
        ["Topics wanted 1", "Topics wanted 2"],
    )


def test_questions_are_recognised_when_one_column_alone_fits() -> None:
    found = columns_of("Email", "What could you teach others?", "What do you want to learn?", "When are you available?")
    assert sorted(found) == ["email", "meeting_windows", "topics_taught", "topics_wanted"]
    assert "topics_wanted" not in columns_of("Email", "Role", "What do you want to learn?", "How do you learn best?")


def test_the_number_of_an_answer_is_not_taken_for_an_employee_id() -> None:
    assert "employee_id" not in columns_of("ID", "Email", "Role")


def test_the_mapping_comes_before_what_is_recognised() -> None:
    columns = EnrolmentColumns.model_validate(
        {"role": "Part", "email": "", "employee_id": "No", "preferred": ["B", "A"]}
    )
    found = columns_of("Email", "Role", "No", "Part", "A", "B", columns=columns)
    assert found == {"employee_id": ["No"], "role": ["Part"], "preferred": ["B", "A"]}


def test_a_header_that_says_nobody_is_refused_with_what_to_do() -> None:
    for header, said in ((["Role"], "who enrolled"), (["Email"], "who is mentor"), (["Email", "email"], "2 times")):
        with pytest.raises(FilesInvalid, match=said):
            columns_of(*header)


def test_spellings_of_a_topic_are_one_topic_and_aliases_belong_to_it() -> None:
    topics = Topics([Topic(code="gen-ai", label="Generative AI", aliases=("LLMs",))])
    for label in ("Short video", "short-video", "Short  Video", "Short video", "llms"):
        topics.add(label)
    assert topics.codes(["LLMs", "generative_ai", "SHORT VIDEO", "short-video"]) == ("gen-ai", "short-video")
    assert topics.labels() == {"gen-ai": "Generative AI", "short-video": "Short video"}
    assert topics.unlisted() == ["Short video"]
    assert Topics([]).unlisted() == []
