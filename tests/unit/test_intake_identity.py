"""A row and a record are one person only if id, address and name do not contradict each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.importing.names import names_agree, parse_name
from services.intake.importing.problems import ImportInvalid
from tests.unit.properties import examples
from tests.unit.test_intake_cases import Directory

HEADER = "id,name,email,status\n"


def directory(*rows: str, header: str = HEADER) -> Directory:
    found = Directory()
    found.take((header + "\n".join(rows)).encode())
    return found


def refused(found: Directory, *rows: str, header: str = HEADER, toml: str = "") -> list[tuple[int, str]]:
    with pytest.raises(ImportInvalid) as caught:
        found.take((header + "\n".join(rows)).encode(), toml)
    return [(error["line"], error["column"]) for error in caught.value.extra["errors"]]


def accepted(found: Directory, *rows: str, header: str = HEADER, toml: str = "") -> tuple[int, int]:
    plan = found.take((header + "\n".join(rows)).encode(), toml)
    return len(plan.created), len(plan.changed)


BOTH = ("1,Ann Lee,ann@x.example,", "2,Bob Ray,bob@x.example,")


def test_an_id_and_an_address_of_two_people_are_refused_and_both_are_named() -> None:
    found = directory(*BOTH)
    with pytest.raises(ImportInvalid) as caught:
        found.take((HEADER + "1,Bob Ray,bob@x.example,").encode())
    [error] = caught.value.extra["errors"]

    assert (error["line"], error["column"]) == (2, "id")
    assert str(found["Ann Lee"].id) in error["reason"]
    assert str(found["Bob Ray"].id) in error["reason"]
    assert error["persons"] == [str(found["Ann Lee"].id), str(found["Bob Ray"].id)]


def test_one_of_name_and_address_may_change() -> None:
    assert accepted(directory(*BOTH), "1,Ann Lee,ann.lee@x.example,") == (0, 1)
    assert accepted(directory(*BOTH), "1,Ann Gray,ann@x.example,") == (0, 1)
    assert accepted(directory(*BOTH), "7,Ann Lee,ann@x.example,") == (0, 1)
    assert refused(directory(*BOTH), "1,Zoe Gray,zoe@x.example,") == [(2, "id")]


def test_the_day_of_hire_speaks_for_somebody_who_has_married() -> None:
    header = "id,name,email,hire date\n"
    before = directory("1,Ann Lee,ann.lee@x.example,2020-01-01", header=header)

    assert accepted(before, "1,Ann Gray,ann.gray@x.example,2020-01-01", header=header) == (0, 1)
    before = directory("1,Ann Lee,ann.lee@x.example,2020-01-01", header=header)
    assert refused(before, "1,Ann Gray,ann.gray@x.example,2026-01-01", header=header) == [(2, "id")]


def test_an_address_that_is_given_again_gives_nobody_another_persons_record() -> None:
    found = directory("17,Olaf Old,o@x.example,")
    accepted(found, "17,Olaf Old,o@x.example,Terminated")
    olaf = found["Olaf Old"]

    assert refused(found, "99,Otto Ohm,o@x.example,") == [(2, "email")]
    assert refused(found, ",Otto Ohm,o@x.example,") == [(2, "email")]
    assert accepted(found, "99,Otto Ohm,o@x.example,", toml='[identity]\nnew = ["99"]') == (1, 1)
    assert found["Otto Ohm"].id != olaf.id
    assert (found["Olaf Old"].active, found["Olaf Old"].email) == (False, f"{olaf.id}@former.invalid")


def test_the_address_of_somebody_who_works_here_stays_theirs() -> None:
    found = directory("17,Olaf Old,o@x.example,")
    assert refused(found, "99,Otto Ohm,o@x.example,", toml='[identity]\nnew = ["99"]') == [(2, "email")]


def test_a_leavers_row_with_a_number_that_somebody_else_has_now_deactivates_nobody() -> None:
    found = directory("17,Nina New,nina@x.example,")
    plan = found.take((HEADER + "17,Olaf Old,olaf@x.example,Terminated").encode())

    assert (plan.changed, plan.left) == ([], [])
    assert [note.line for note in plan.notes] == [2]


def test_without_addresses_an_id_alone_is_not_enough_either() -> None:
    toml = '[defaults]\nemail_domain = "x.example"'
    found = Directory()
    found.take(b"id,name\n17,Olaf Old\n18,Ann Lee\n", toml)

    with pytest.raises(ImportInvalid):
        found.take(b"id,name\n17,Nina New\n", toml)
    assert len(found.take(b"id,name\n18,Ann Gray\n", toml).changed) == 1


def test_numbers_that_lost_their_zeros_are_the_same_numbers() -> None:
    found = directory("00017,Ann Lee,ann@x.example,", "00018,Bob Ray,bob@x.example,")
    plan = found.take(b"id,name,email,manager id\n17,Ann Lee,ann@x.example,\n18,Bob Ray,bob@x.example,17\n")

    assert [found[name].external_id for name in ("Ann Lee", "Bob Ray")] == ["00017", "00018"]
    assert found["Bob Ray"].manager_id == found["Ann Lee"].id
    assert "2 rows" in plan.notes[0].reason


def test_few_contradictions_are_rows_and_many_are_a_column() -> None:
    people = [f"{number},Given{number} Family{number},p{number}@x.example," for number in range(100)]
    changed = [f"{number},Other{number} Else{number},q{number}@x.example," for number in range(100)]

    for count, column in ((2, False), (5, False), (6, True), (100, True)):
        found = refused(directory(*people), *changed[:count], *people[count:])
        assert found == [(1, "id")] if column else found == [(line, "id") for line in range(2, count + 2)]


def test_a_column_that_is_no_id_is_refused_also_when_rows_may_be_left_out() -> None:
    people = [f"{number},Given{number} Family{number},p{number}@x.example," for number in range(9)]
    found = directory(*people)
    shifted = [row.replace(f"{number},", f"{number + 1},", 1) for number, row in enumerate(people)]
    with pytest.raises(ImportInvalid) as caught:
        found.take((HEADER + "\n".join(shifted)).encode(), skip=True)
    assert [error["line"] for error in caught.value.extra["errors"]] == [1]


def test_new_numbers_for_everybody_are_a_change_and_no_contradiction() -> None:
    people = [f"{number},Given{number} Family{number},p{number}@x.example," for number in range(9)]
    found = directory(*people)
    assert accepted(found, *(f"M{row}" for row in people)) == (0, 9)


def test_an_old_number_still_leads_to_a_manager_who_came_back() -> None:
    header = "id,name,email,manager id,status\n"
    found = directory(
        "17,Ann Lee,ann@x.example,,Terminated", "99,Ann Lee,ann@x.example,,Active", "5,Bob Ray,bob@x.example,17,Active",
        header=header,
    )  # fmt: skip
    assert found["Bob Ray"].manager_id == found["Ann Lee"].id


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("Ann Lee", "Lee, Ann", True), ("Ann Lee", "Ann B. Lee", True), ("José Müller", "Jose Muller", True),
        ("Lee Ann", "Ann Lee", True), ("Ann Lee", "Ann Gray", False), ("李 伟", "李 伟", True),
        ("李 伟", "王 五", False),
        ("Ann Lee", "李 伟", False), ("O'Neil, Jane", "Jane ONeil", True),
    ],
)  # fmt: skip
def test_names_agree_in_spite_of_spelling(one: str, other: str, agree: bool) -> None:
    assert names_agree(parse_name(one), parse_name(other)) is agree


PEOPLE = st.lists(
    st.tuples(st.sampled_from("123"), st.sampled_from(["Ann Lee", "Bob Ray", "Cem Tan"]), st.sampled_from("abc"),
              st.sampled_from(["", "Terminated"])),
    min_size=1, max_size=5,
)  # fmt: skip


@examples(100)
@given(st.lists(PEOPLE, min_size=1, max_size=4))
def test_nobodys_record_ever_goes_to_somebody_with_another_name_and_address(
    files: list[list[tuple[str, str, str, str]]],
) -> None:
    """Whatever is imported in whatever order: a record may change its id, its name or its address, and never both of
    its name and address at once."""
    found = Directory()
    for rows in files:
        before = dict(found.people)
        text = HEADER + "".join(f"{number},{name},{local}@x.example,{status}\n" for number, name, local, status in rows)
        try:
            found.take(text.encode(), skip=True)
        except ImportInvalid:
            found.people = before
        for key, person in found.people.items():
            old = before.get(key, person)
            assert names_agree(parse_name(old.name), parse_name(person.name)) or old.email == person.email
