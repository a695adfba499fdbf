"""Which columns of an enrolments file hold which of our fields.

First come the columns that the column map names, then those with a known header, then those whose header is a question
that fits one field. Headers are compared without case, accents, spaces and punctuation. A list may be spread over
numbered columns ("Wish 1", "Wish 2").
"""

import re
from typing import NamedTuple

from services.intake.enrolment_file.column_map import TABLE, EnrolmentColumns
from services.intake.enrolment_file.problems import FileProblem, FilesInvalid
from services.intake.importing.cells import clean, plain
from services.intake.importing.columns import KNOWN_HEADERS

KNOWN: dict[str, str] = {
    "email": KNOWN_HEADERS["email"] + " emailaddresse emailadresse adresseemail adressemail courriel correo "
    "correoelectronico epost respondentemail youremail",
    # Without `id`, by which exports of forms number their answers.
    "employee_id": KNOWN_HEADERS["external_id"].removesuffix(" id") + " mitarbeiternummer mitarbeiterid personalnr "
    "matricule numeroempleado",
    "name": KNOWN_HEADERS["name"] + " mitarbeiter mitarbeiterin nom nombre yourname",
    "person": "person participant teilnehmer teilnehmerin teilnehmende participante",
    "role": "role roles rolle rol mentoringrole programrole programmerole mentorormentee mentormentee participatesas "
    "participationas takespartas enrolsas teilnahmeals teilnahme papel",
    "topics_taught": "topicstaught taughttopics taught teaches teach canteach offers offer offered topicsoffered "
    "expertise expertisein skills skill skillsoffered topicstoteach teachingtopics kannzeigen kannvermitteln bietet "
    "biete angebot themenangebot kompetenzen kenntnisse enseigne competences ensena competencias",
    "topics_wanted": "topicswanted wantedtopics wantedtopic topicwanted wanted wants wantstolearn wanttolearn learn "
    "learns learninggoals learninggoal goals goal interests interest topicstolearn mochtelernen willlernen lernwunsch "
    "lernwunsche lernziele lernziel themenwunsch themenwunsche wunschthema wunschthemen sucht suche veutapprendre "
    "quiereaprender intereses",
    "topics": "topics topic themen thema sujets temas",
    "mentor_capacity": "mentorcapacity maxmentees menteecount numberofmentees howmanymentees mentorplaces mentees "
    "anzahlmentees",
    "mentee_capacity": "menteecapacity maxmentors numberofmentors howmanymentors menteeplaces mentors anzahlmentoren",
    "capacity": "capacity capacities maxpairs maxpartners places slots kapazitat platze capacite capacidad plazas",
    "languages": "languages language spokenlanguages languagesspoken sprachen sprache langues langue idiomas idioma",
    "meeting_windows": "meetingwindows meetingwindow windows availability available meetingtimes times verfugbarkeit "
    "verfugbar zeiten zeitfenster termine disponibilites disponibilite disponibilidad horarios",
    "preferred": "preferred prefers preferredpeople preferredpartner preferredpartners wish wishes wouldliketomeet "
    "wunsch wunsche wunschpartner wunschpartnerin wunschperson wunschpersonen souhaits preferidos",
    "avoided": "avoided avoid avoids avoidlist notwith donotpair donotpairwith exclude excluded exclusions conflicts "
    "nichtmit ausschluss ausgeschlossen meiden eviter evitar",
    "waited": "waited waitedbefore waitlist waitlisted onwaitlist waitinglist warteliste gewartet",
    "past_partners": "pastpartners pastpartner pastpairs previouspartners previouspartner previousmentor "
    "previousmentee formerpartners bisherigepartner fruherepartner",
}
QUESTIONS: dict[str, str] = {
    "topics_taught": r"\b(teach|share|explain|zeigen|vermitteln|beibringen|erklaren|enseigner|ensenar)\b",
    "topics_wanted": r"\b(learn|lernen|apprendre|aprender)\b",
    "avoided": r"\b(avoid|not \w+ (paired|matched|meet)|nicht \w* ?(mit|treffen))\b",
    "preferred": r"\b(prefer|(like|want) to (meet|be (paired|matched) with)|treffen)\b",
    "meeting_windows": r"\b(when|available|availability|wann)\b",
    "languages": r"\b(languages?|sprachen?)\b",
    "role": r"\b((take part|participate|enrol|enroll) as|mentor or (a )?mentee|als was|rolle)\b",
}
"""Patterns that are looked for in headers of several words, in this order. A field needs exactly one column that
fits."""
LISTS = (
    *("topics", "topics_taught", "topics_wanted", "languages", "meeting_windows", "preferred", "avoided"),
    "past_partners",
)
"""The fields that may be spread over several columns."""
IDENTITY = ("email", "employee_id", "name", "person")


class Column(NamedTuple):
    position: int
    header: str


Layout = dict[str, tuple[Column, ...]]


def find_columns(file: str, header: list[str], line: int, columns: EnrolmentColumns) -> Layout:
    """The columns of each field.

    Raises FilesInvalid if a column that the map names is missing, or if no column says who enrolled or who is a mentor.
    """
    layout, problems = _named(file, header, line, columns)
    if problems:
        raise FilesInvalid(problems)
    free = {position: cell for position, cell in enumerate(header) if position not in _taken(layout)}
    wanted = [field for field in KNOWN if field not in columns.headers()]
    for field in wanted:
        if found := _known(field, free):
            layout[field] = tuple(Column(position, clean(header[position])) for position in found)
            free = {position: cell for position, cell in free.items() if position not in found}
    for field in [field for field in QUESTIONS if field in wanted and field not in layout]:
        asked = [position for position, cell in free.items() if _asks(field, cell)]
        if len(asked) == 1:
            layout[field] = (Column(asked[0], clean(header[asked[0]])),)
            del free[asked[0]]
    _require(file, line, layout, header)
    return layout


def _named(file: str, header: list[str], line: int, columns: EnrolmentColumns) -> tuple[Layout, list[FileProblem]]:
    folded = [fold(cell) for cell in header]
    layout: Layout = {}
    problems = []
    for field, names in columns.headers().items():
        for name in names:
            count = folded.count(fold(name))
            if count == 1:
                position = folded.index(fold(name))
                layout[field] = (*layout.get(field, ()), Column(position, clean(header[position])))
            else:
                what = "The file's header has no such column" if count == 0 else "The header names this column twice"
                reason = f"{what}; correct the table [{TABLE}] of --columns."
                problems.append(FileProblem(file, line, clean(name), field, reason))
    return layout, problems


def _known(field: str, free: dict[int, str]) -> list[int]:
    """The positions of the columns of a field: one column, or several in the order of their numbers."""
    for name in KNOWN[field].split():
        exact = [position for position, cell in free.items() if fold(cell) == name]
        if len(exact) == 1:
            return exact
        if field in LISTS:
            numbered = [(number, position) for position, cell in free.items() if (number := _number(cell, name))]
            if numbered:
                return [position for _, position in sorted(numbered)]
    return []


def _number(cell: str, name: str) -> int:
    """The number in a header that consists of the name and a number. 0 for any other header."""
    found = re.fullmatch(rf"(\d{{1,2}})?{name}(\d{{1,2}})?", fold(cell))
    return int(found[1] or found[2] or 0) if found else 0


def _asks(field: str, cell: str) -> bool:
    words = re.sub(r"[\W_]+", " ", plain(cell[:500])).strip()
    return " " in words and re.search(QUESTIONS[field], words) is not None


def _require(file: str, line: int, layout: Layout, header: list[str]) -> None:
    table = f"name it in the table [{TABLE}] of --columns"
    if not layout.keys() & set(IDENTITY):
        folded = [fold(cell) for cell in header]
        twice = next((name for name in KNOWN["email"].split() if folded.count(name) > 1), None)
        reason = f"No column of the header says who enrolled; {table}: email, employee_id or name."
        if twice:
            reason = f"The header names the column {twice} {folded.count(twice)} times; rename all but one."
        raise FilesInvalid([FileProblem(file, line, "", "email", reason)])
    if not layout.keys() & {"role", "topics_taught", "topics_wanted"}:
        reason = f"No column of the header says who is mentor and who is mentee; {table}: role."
        raise FilesInvalid([FileProblem(file, line, "", "role", reason)])


def _taken(layout: Layout) -> set[int]:
    return {column.position for columns in layout.values() for column in columns}


def fold(text: str) -> str:
    return re.sub(r"[\W_]", "", plain(text))
