"""An HR export becomes a plan: whole, or a list of what to correct."""

from datetime import date
from typing import Any

import pytest

from services.intake.importing.column_map import ColumnMap
from services.intake.importing.drafts import parse_people
from services.intake.importing.plan import ImportPlan, plan_import
from services.intake.importing.problems import ColumnsInvalid, ImportInvalid
from services.intake.person import PersonRecord

TODAY = date(2026, 4, 1)
HEADER = "id,name,email,manager,level\n"


def run(
    text: str,
    toml: str = "",
    directory: list[PersonRecord] | None = None,
    *,
    skip: bool = False,
) -> ImportPlan:
    parsed = parse_people(text.encode(), ColumnMap.from_toml(toml.encode()), TODAY)
    return plan_import(parsed, directory or [], skip_invalid=skip)


def errors_of(text: str, toml: str = "", directory: list[PersonRecord] | None = None) -> list[tuple[int, str, str]]:
    with pytest.raises(ImportInvalid) as caught:
        run(text, toml, directory)
    found: list[dict[str, Any]] = caught.value.extra["errors"]
    return [(error["line"], error["column"], error["reason"]) for error in found]


def by_id(plan: ImportPlan) -> dict[str | None, PersonRecord]:
    return {person.external_id: person for person in [*plan.created, *plan.changed]}


def test_a_plain_export_needs_no_mapping() -> None:
    plan = run(
        "Employee ID;First Name;Last Name;Work E-mail;Job Title;Department;Location;Time Zone;Language;Level;"
        "Manager ID;Hire Date\n"
        " 1 ; Ann ;Lee;Ann.Lee@X.example;CEO;Board;Rome;europe/rome;en-GB;3;;2011-07-05\n"
        "2;Bob;Ray;bob@x.example;Dev;IT;Oslo;Europe/Oslo;no;1;1;12/24/2020\n"
    )
    ann, bob = plan.created

    assert ann._replace(id=bob.id) == PersonRecord(
        bob.id, "1", "ann.lee@x.example", "Ann Lee", "Ann", "Lee", "CEO", "Board", "Rome", "Europe/Rome", "en", 3, None,
        date(2011, 7, 5), True,
    )  # fmt: skip
    assert (bob.manager_id, bob.hired_on) == (ann.id, date(2020, 12, 24))


def test_a_mapping_names_the_columns_whatever_their_case_and_spaces() -> None:
    toml = '[columns]\nname = "who  IS it"\nemail = "Contact"\nmanager = "Boss"\n[defaults]\ntime_zone = "Europe/Rome"'
    plan = run('Who is it,CONTACT,boss\n"Lee, Ann",a@x.example,\n"Ray, Bob",b@x.example,Ann Lee\n', toml)

    assert plan.created[1].manager_id == plan.created[0].id
    assert plan.created[1].time_zone == "Europe/Rome"


def test_levels_are_derived_from_the_reporting_line_when_there_are_none() -> None:
    plan = run(
        "id,name,email,manager\n1,A A,a@x.example,\n2,B B,b@x.example,1\n3,C C,c@x.example,2\n4,D D,d@x.example,1\n"
    )

    assert [person.level for person in plan.created] == [3, 2, 1, 2]


def test_every_kind_of_bad_row_is_listed_with_line_column_and_reason() -> None:
    text = (
        "id,name,email,manager,level,hired on,time zone\n"
        "1,Top One,top@x.example,,5,2011-07-05,UTC\n"
        "2,,no-name@x.example,1,1,,\n"
        "3,No Mail,,1,1,,\n"
        "4,Bad Mail,bad mail,1,1,,\n"
        "5,Bad Date,e@x.example,1,1,2011-02-31,\n"
        "6,Bad Zone,f@x.example,1,1,,Mars\n"
        "7,Bad Level,g@x.example,1,high,,\n"
        "1,Same Id,h@x.example,1,1,,\n"
        "9,Same Mail,TOP@x.example,1,1,,\n"
        "10,Lost One,j@x.example,99,1,,\n"
        "11,Own Boss,k@x.example,11,1,,\n"
        "12,Circle A,l@x.example,13,1,,\n"
        "13,Circle B,m@x.example,12,1,,\n"
        "14,Wide Row,n@x.example,1,1,,,extra\n"
        "15,No Level,o@x.example,1,,,\n"
    )
    found = errors_of(text)

    assert [(line, column) for line, column, _ in found] == [
        (3, "name"), (4, "email"), (5, "email"), (6, "hired on"), (7, "time zone"), (8, "level"), (9, "id"),
        (10, "email"), (11, "manager"), (12, "manager"), (13, "manager"), (14, "manager"), (15, ""), (16, "level"),
    ]  # fmt: skip
    everything = " ".join(reason for _, _, reason in found)
    for private in ("x.example", "bad mail", "Mars", "Bad", "Lost", "99"):
        assert private not in everything


def test_the_line_number_is_the_files_own_after_quoted_line_breaks() -> None:
    assert errors_of(HEADER + '1,"Top\nOne",t@x.example,,2\n\n2,B B,nonsense,1,1\n')[0][:2] == (5, "email")


def test_an_ambiguous_managers_name_is_a_problem_of_the_row_that_says_it() -> None:
    text = HEADER + "1,Ann Lee,a@x.example,,3\n2,Ann Lee,b@x.example,,3\n3,C C,c@x.example,Ann Lee,1\n"

    ((line, column, reason),) = errors_of(text)
    assert (line, column) == (4, "manager")
    assert "Several" in reason


def test_exports_may_write_last_names_first_without_a_comma() -> None:
    plan = run(
        "name,email,manager\nLee Ann,a@x.example,\nRay Bob,b@x.example,Lee Ann\n", '[formats]\nnames = "last-first"'
    )

    assert [person.name for person in plan.created] == ["Ann Lee", "Bob Ray"]
    assert plan.created[1].manager_id == plan.created[0].id


def test_leavers_are_skipped_and_counted_whatever_their_rows_hold() -> None:
    plan = run(
        "id,name,email,status,termination date\n"
        "1,A A,a@x.example,Active,\n"
        "2,,,Terminated,\n"
        "3,C C,c@x.example,Voluntarily Resigned,soon\n"
        "4,D D,d@x.example,Active,3/31/2026\n"
        "5,E E,e@x.example,Leave of Absence,\n"
        "6,F F,f@x.example,Active,2026-04-30\n"
    )

    assert [person.external_id for person in plan.created] == ["1", "5", "6"]
    assert plan.skipped_leavers == 3


def test_the_mapping_says_which_status_means_left() -> None:
    toml = '[status]\ncolumn = "State"\nleavers = ["gone"]'
    plan = run("name,email,state\nA A,a@x.example,GONE\nB B,b@x.example,Terminated\n", toml)

    assert [person.name for person in plan.created] == ["B B"]


def test_an_active_column_says_no_for_leavers() -> None:
    assert run("name,email,active\nA A,a@x.example,Yes\nB B,b@x.example,No\n").skipped_leavers == 1


def test_the_line_climbs_over_managers_who_left() -> None:
    text = (
        "id,name,email,manager,status\n1,Top One,t@x.example,,\n2,Old Boss,,1,Terminated\n3,Older Boss,,2,Terminated\n"
        "4,D D,d@x.example,Older Boss,\n"
    )
    people = by_id(run(text))

    assert people["4"].manager_id == people["1"].id
    assert people["4"].level == 1
    assert people["1"].level == 2


def test_skipping_leaves_out_bad_rows_and_says_so() -> None:
    text = (
        HEADER
        + "1,Top One,t@x.example,,3\n2,Mid One,nonsense,1,2\n3,Low One,l@x.example,2,1\n4,Odd One,o@x.example,x,1\n"
    )
    plan = run(text, skip=True)
    people = by_id(plan)

    assert people.keys() == {"1", "3"}
    assert people["3"].manager_id == people["1"].id
    assert [problem.line for problem in plan.left_out] == [3, 5]
    assert [(note.line, note.column) for note in plan.notes] == [(4, "manager")]


def test_below_a_left_out_row_with_an_unknown_manager_nobody_is_set_and_levels_count_from_the_bottom() -> None:
    text = (
        "id,name,email,manager\n1,A A,a@x.example,\n2,B B,b@x.example,1\n3,C C,c@x.example,2\n"
        "7,X X,x@x.example,99\n8,Y Y,y@x.example,7\n"
    )
    plan = run(text, skip=True)

    assert (by_id(plan)["8"].manager_id, by_id(plan)["8"].level) == (None, 1)
    assert [note.line for note in plan.notes] == [6]


def test_a_mapping_may_accept_managers_who_are_not_in_the_export() -> None:
    text = "id,name,email,manager\n1,A A,a@x.example,\n2,B B,b@x.example,1\n7,X X,x@x.example,Out Sider\n"
    plan = run(text, '[managers]\nunknown = "nobody"')

    assert by_id(plan)["7"].level == 1
    assert [note.line for note in plan.notes] == [4]


def test_several_tops_without_levels_are_pointed_out() -> None:
    plan = run("id,name,email,manager\n1,A A,a@x.example,\n2,B B,b@x.example,1\n3,C C,c@x.example,Board of Directors\n")

    assert [person.level for person in plan.created] == [2, 1, 2]
    assert [note.line for note in plan.notes] == [2, 4]


def test_addresses_are_derived_the_same_whatever_the_order_of_rows() -> None:
    toml = '[defaults]\nemail_domain = "Example.com"'
    rows = ['17,"Müller, Jörg"', '16,"Muller, Jorg"', '18,"李, 伟"', '9,"Lee, Ann  B"']
    expected = {
        "16": "jorg.muller@example.com",
        "17": "jorg.muller.17@example.com",
        "18": "person.18@example.com",
        "9": "ann.lee@example.com",
    }
    for order in (rows, rows[::-1]):
        people = by_id(run("id,name\n" + "\n".join(order), toml))
        assert {number: person.email for number, person in people.items()} == expected


def test_a_newcomer_never_takes_a_namesakes_derived_address() -> None:
    toml = '[defaults]\nemail_domain = "example.com"'
    before = run("id,name\n17,Ann Lee\n", toml).created
    plan = run("id,name\n5,Ann Lee\n17,Ann Lee\n", toml, before)

    assert plan.unchanged == 1
    assert [person.email for person in plan.created] == ["ann.lee.5@example.com"]


def test_an_import_without_ids_and_addresses_knows_its_people_again() -> None:
    toml = '[defaults]\nemail_domain = "example.com"'
    text = "name\nAnn Lee\nAnn Lee\nBob Ray\n"
    before = run(text, toml).created
    again = run(text, toml, before)

    assert len({person.email for person in before}) == 3
    assert (len(again.created), len(again.changed), again.unchanged) == (0, 0, 3)


def test_the_same_file_again_changes_nothing() -> None:
    text = HEADER + "1,Top One,t@x.example,,2\n2,B B,b@x.example,Top One,1\n"
    before = run(text).created
    again = run(text, directory=before)

    assert (again.created, again.changed, again.unchanged) == ([], [], 2)


def test_people_are_known_by_id_then_by_address_and_the_rest_is_left_alone() -> None:
    before = run(HEADER + "1,A A,a@x.example,,2\n2,B B,b@x.example,1,1\n3,C C,c@x.example,1,1\n").created
    plan = run(HEADER + "1,A A,new@x.example,,2\n20,B B,b@x.example,1,1\n", directory=before)
    old = {person.external_id: person.id for person in before}

    assert {person.external_id: person.id for person in plan.changed} == {"1": old["1"], "20": old["2"]}
    assert plan.created == []


def test_addresses_may_change_hands_but_not_be_taken() -> None:
    before = run(HEADER + "1,A A,a@x.example,,2\n2,B B,b@x.example,1,1\n3,C C,c@x.example,1,1\n").created
    swap = run(HEADER + "1,A A,b@x.example,,2\n2,B B,a@x.example,1,1\n", directory=before)
    assert [person.email for person in swap.changed] == ["b@x.example", "a@x.example"]

    assert errors_of(HEADER + "1,A A,c@x.example,,2\n", directory=before)[0][:2] == (2, "email")


def test_a_left_out_row_keeps_its_persons_address_from_others() -> None:
    before = run(HEADER + "1,A A,a@x.example,,2\n2,B B,b@x.example,1,1\n").created
    plan = run(HEADER + "1,A A,b@x.example,,2\n2,B B,a@x.example,1,nonsense\n", directory=before, skip=True)

    assert (plan.created, plan.changed) == ([], [])
    assert [problem.line for problem in plan.left_out] == [2, 3]


def test_leavers_of_the_directory_become_inactive_once_and_may_come_back() -> None:
    header = "id,name,email,status\n"
    before = run(header + "1,A A,a@x.example,Active\n").created
    gone = run(header + "1,A A,,Terminated\n", directory=before)
    assert [person.active for person in gone.changed] == [False]
    assert (gone.left, gone.returned) == ([before[0].id], [])

    assert run(header + "1,A A,,Terminated\n", directory=gone.changed).left == []
    assert run(header + "1,A A,,Terminated\n", directory=gone.changed).changed == []
    back = run(header + "1,A A,,Terminated\n1,A A,a@x.example,Active\n", directory=gone.changed)
    assert [person.active for person in back.changed] == [True]
    assert (back.left, back.returned) == ([], [before[0].id])


def test_a_leavers_address_that_someone_else_has_now_deactivates_nobody() -> None:
    header = "id,name,email,status\n"
    before = run(header + "9,B B,b@x.example,Active\n").created

    assert run(header + "1,A A,b@x.example,Terminated\n7,C C,c@x.example,\n", directory=before).changed == []


def test_columns_that_the_file_lacks_keep_what_the_directory_has() -> None:
    before = run("id,name,email,department,level,hired on\n1,A A,a@x.example,IT,4,2020-01-01\n").created
    again = run("id,name,email\n1,A A,a@x.example\n", directory=before)

    assert again.unchanged == 1


def test_a_language_is_known_once_a_file_or_its_mapping_has_named_it() -> None:
    unnamed = run("id,name,email\n1,A A,a@x.example\n").created
    assert [(one.language, one.language_known) for one in unnamed] == [("en", False)]
    assert run("id,name,email,language\n1,A A,a@x.example,\n", directory=unnamed).unchanged == 1
    [named] = run("id,name,email,language\n1,A A,a@x.example,en\n", directory=unnamed).changed
    assert (named.language, named.language_known) == ("en", True)
    assert run("id,name,email\n1,A A,a@x.example\n", directory=[named]).unchanged == 1
    [default] = run("id,name,email\n1,A A,a@x.example\n", '[defaults]\nlanguage = "de"').created
    assert (default.language, default.language_known) == ("de", True)


def test_managers_may_stand_in_the_directory_alone() -> None:
    before = run("id,name,email,manager\n1,A A,a@x.example,\n2,B B,b@x.example,1\n3,C C,c@x.example,2\n").created
    plan = run("id,name,email,manager\n4,D D,d@x.example,b@x.example\n", directory=before)

    assert (plan.created[0].manager_id, plan.created[0].level) == (before[1].id, 1)


def test_a_circle_through_the_directory_is_found() -> None:
    before = run(HEADER + "1,A A,a@x.example,,3\n2,B B,b@x.example,1,2\n").created

    assert errors_of(HEADER + "1,A A,a@x.example,2,3\n", directory=before)[0][:2] == (2, "manager")


def test_left_out_rows_never_close_a_circle_in_the_directory() -> None:
    before = run(HEADER + "1,A A,a@x.example,,3\n2,B B,b@x.example,1,2\n").created
    plan = run(HEADER + "1,A A,a@x.example,2,3\n2,B B,nonsense,,2\n", directory=before, skip=True)

    assert (plan.changed, plan.unchanged) == ([], 1)
    assert [note.line for note in plan.notes] == [2]


def test_a_repeated_row_does_not_make_its_managers_name_ambiguous() -> None:
    text = HEADER + "1,Ann Lee,a@x.example,,3\n1,Ann Lee,a@x.example,,3\n3,C C,c@x.example,Ann Lee,1\n"
    plan = run(text, skip=True)

    assert by_id(plan)["3"].manager_id == by_id(plan)["1"].id


@pytest.mark.parametrize(
    ("header", "toml", "column"),
    [
        ("name,email", '[columns]\nname = "Who"', "Who"),
        ("name,email,e-mail", '[columns]\nemail = "Email"', "Email"),
        ("name,phone", "", "email"),
        ("phone,email", "", "name"),
        ("first name,email", "", "name"),
    ],
)
def test_missing_and_doubled_columns_are_named(header: str, toml: str, column: str) -> None:
    assert errors_of(header + "\na,b,c\n", toml)[0][:2] == (1, column)


def test_a_file_without_a_header_does_not_leak_its_first_row() -> None:
    found = errors_of("Ann Lee,ann@x.example\nBob Ray,bob@x.example\n")

    assert "Ann" not in str(found)


@pytest.mark.parametrize(
    "toml",
    [
        "not toml",
        "[column]\n",
        '[columns]\nnmae = "x"',
        '[formats]\ndates = "backwards"',
        '[formats]\nencoding = "klingon"',
        '[formats]\nencoding = "base64"',
        '[defaults]\ntime_zone = "Mars"',
        '[defaults]\nemail_domain = "@x"',
        '[time_zones]\nHQ = "Mars"',
        "[columns]\nname = 3",
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(toml: str) -> None:
    with pytest.raises(ColumnsInvalid) as caught:
        ColumnMap.from_toml(toml.encode())
    assert caught.value.extra["errors"]


def test_an_empty_name_in_the_mapping_switches_a_field_off() -> None:
    plan = run("name,email,level\nA A,a@x.example,Senior\n", '[columns]\nlevel = ""')

    assert plan.created[0].level == 1


def test_at_most_two_hundred_problems_are_listed_with_the_total() -> None:
    with pytest.raises(ImportInvalid) as caught:
        run("name,email\n" + "A A,x\n" * 300)

    assert len(caught.value.extra["errors"]) == 200
    assert caught.value.extra["total"] == 300
