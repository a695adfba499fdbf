"""Which column of an export holds which of our fields: those that the column map names, then those whose header is
known."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from services.intake.importing.cells import ISO_DATE, LONGEST_CELL, NUMERIC_DATE, clean, is_blank, plain, unmark
from services.intake.importing.column_map import ColumnMap
from services.intake.importing.csv_file import MAX_COLUMNS
from services.intake.importing.problems import ImportInvalid, Problem, unusable
from services.intake.importing.status import Standing, is_yes_or_no, standing_of
from shared.contracts.imports import ProblemCode

KNOWN_HEADERS: dict[str, str] = {
    "external_id": "externalid employeeid empid employeenumber employeeno empno personnelnumber staffid staffnumber "
    "workerid associateid employeecode personalnummer personid userid id",
    "email": "email workemail emailaddress workemailaddress companyemail businessemail primaryworkemail primaryemail "
    "emailwork employeeemail mail userprincipalname",
    "name": "name fullname employeename displayname workername legalname employee worker",
    "given_name": "givenname firstname preferredfirstname legalfirstname forename vorname",
    "family_name": "familyname lastname legallastname surname nachname",
    "manager": "manager supervisor reportsto linemanager reportingmanager directmanager vorgesetzter",
    "manager_id": "managerid manageremployeeid managerexternalid managerempid manageremployeenumber supervisorid "
    "linemanagerid reportstoid",
    "manager_email": "manageremail managerworkemail supervisoremail linemanageremail reportstoemail",
    "manager_name": "managername supervisorname linemanagername reportstoname",
    "job_title": "jobtitle title positiontitle position businesstitle job role stellenbezeichnung",
    "department": "department departmentname dept division businessunit orgunit team abteilung",
    "location": "location worklocation officelocation office site city standort state country",
    "time_zone": "timezone ianatimezone tz zeitzone",
    "language": "language preferredlanguage locale sprache",
    "level": "level joblevel",
    "hired_on": "hiredon hiredate dateofhire originalhiredate datehired startdate employmentstartdate dateofjoining "
    "joindate eintrittsdatum einstellungsdatum dateentree datedentree datedembauche fechadealta fechadeingreso "
    "fechaingreso dataassunzione datadiassunzione datumindienst indienstdatum datazatrudnienia dataprzyjecia "
    "datadeadmissao dataadmissao",
    "terminated_on": "terminatedon terminationdate dateoftermination termdate leavingdate exitdate enddate "
    "employmentenddate separationdate lastworkingday lastday lastdayofwork lastdayworked lastworkday dateleft leftdate "
    "austrittsdatum austrittam ausgeschiedenam letzterarbeitstag datedesortie datesortie datededepart datedepart "
    "fechadebaja fechabaja fechadecese fechacese fechadesalida datacessazione datadicessazione datauscita datadiuscita "
    "datumuitdienst uitdienstdatum datazwolnienia datazakonczeniazatrudnienia datarozwiazaniaumowy "
    "datadedesligamento datadesligamento datadedemissao datademissao datadesaida",
    "available_from": "returndate returnfromleave returnfromleavedate returntowork returntoworkdate expectedreturn "
    "expectedreturndate dateofreturn leaveenddate leaveend leaveuntil onleaveuntil absentuntil ruckkehr ruckkehrdatum "
    "ruckkehram abwesendbis datederetour datederetourprevue fechadevuelta fechadereincorporacion datarientro "
    "terugkeerdatum "
    "datapowrotu dataderetorno",
    "status": "employmentstatus employeestatus workerstatus employmentstate status mitarbeiterstatus "
    "beschaftigungsstatus "
    "arbeitsstatus anstellungsstatus statut statutemploye statutdelemploye estado estadodelempleado estadolaboral "
    "situacionlaboral stato statodipendente statolavorativo statoimpiego dienstverband dienstverbandstatus "
    "statuszatrudnienia statuspracownika situacao situacaofuncional estadodofuncionario statusdofuncionario "
    "situation situationprofessionnelle statusactiveinactive userstatus accountstatus benutzerstatus",
    "active": "active isactive activeflag activeemployee isactiveemployee activestatus activated isactivated enabled "
    "isenabled accountenabled accountactive useractive userenabled employeeactive isemployed currentlyemployed "
    "currentemployee iscurrentemployee employeeactivestatus employed isworking inservice mitarbeiteraktiv beschaftigt "
    "enactivite enposte enactivo inforza inservizio indienst zatrudniony ematividade aktiv istaktiv aktiviert "
    "istaktiviert actif estactif actifon activo esactivo estaactivo activado attivo eattivo attivato actief isactief "
    "geactiveerd aktywny czyaktywny aktywna czyzatrudniony ativo eativo estaativo ativado",
    "inactive": "inactive isinactive isterminated terminated hasleft isleaver leaver deactivated isdeactivated "
    "isdeleted "
    "isarchived archived deleted accountdisabled left leftcompany leftthecompany leftorganization leftorganisation "
    "inaktiv istinaktiv ausgeschieden ausgetreten inactif sorti inactivo dadodebaja inattivo cessato inactief "
    "uitdienst nieaktywny zwolniony inativo desligado",
}
YES_NO = re.compile(
    r"(?<=[a-zł]{5})(yesno|yn|truefalse|tf|janein|jn|ouinon|sino|sn|janee|taknie|tn|simnao|10|01|flag)$"
)
"""What the headers of flags add, as in `Active (Y/N)`."""
FLAGS = ("active", "inactive")
SUSPECTS = re.compile(
    r"activ|aktiv|attiv|actief|aktyw|ativ|enabled|accountdisabled|suspend|blocked|gesperrt|deleted|archiv|terminat|separat|resign|retire|"
    r"leaver|leaving|^left|exit|departure|austritt|ausgetr|ausgesch|vertragsende|contractend|sorti|baja|cese|cess|uscit|"
    r"uitdienst|ontslag|einddatum|zwoln|rozwiaz|deslig|demiss|employed|zatrudn|beschaft|fincontrat|findecontrat"
)
"""What headers say that are not known and may still tell who works here."""
SAMPLE = 2_000
"""So many rows are looked at to see what a column holds."""
FEW_WORDS = 30
MANAGER_FIELDS = ("manager_id", "manager_email", "manager", "manager_name")


class Column(NamedTuple):
    position: int
    header: str
    mapped: bool
    """Whether the column map names it. If not, it was recognised by its header."""


Layout = dict[str, Column]
"""The column of the file for each of our fields that the file has."""


def find_columns(header: list[str], column_map: ColumnMap, line: int = 1, *, complete: bool = True) -> Layout:
    """The column of each field. Raises ImportInvalid when a column is missing, or its header occurs twice."""
    wanted = {**column_map.columns.model_dump(exclude_none=True)}
    if column_map.status.column is not None:
        wanted["status"] = column_map.status.column
    folded = [_fold(cell) for cell in header]
    layout: Layout = {}
    problems = []
    for field, name in wanted.items():
        count = folded.count(_fold(name)) if name else 0
        if count == 1:
            layout[field] = Column(folded.index(_fold(name)), clean(name), True)
        elif name:
            code = ProblemCode.COLUMN_MISSING if count == 0 else ProblemCode.COLUMN_TWICE
            problems.append(Problem.of(line, clean(name), code))
    if problems:
        raise ImportInvalid(problems)
    _recognise(layout, folded, header, set(wanted))
    if complete:
        _require(layout, column_map, line)
    return layout


def recognised(header: list[str], column_map: ColumnMap) -> Layout:
    """The column of each field that is found, for whoever is to name the others. Raises ImportInvalid when the mapping
    names a column that is not there."""
    return find_columns(header, column_map, complete=False)


def _recognise(layout: Layout, folded: list[str], header: list[str], wanted: set[str]) -> None:
    taken = {column.position for column in layout.values()}
    if layout.keys() & set(MANAGER_FIELDS):
        wanted |= set(MANAGER_FIELDS)  # if the column map names a manager's column, no other one is used
    exact, bare = _positions(folded), _positions([YES_NO.sub("", cell) for cell in folded])
    for field, known in KNOWN_HEADERS.items():
        if field in wanted:
            continue
        for name in known.split():
            index = exact.get(name, -1)
            if index < 0 and field in FLAGS:
                index = bare.get(name, -1)
            if index >= 0 and index not in taken:
                layout[field] = Column(index, clean(header[index]), False)
                taken.add(index)
                break


def overlooked(header: list[str], rows: Sequence[list[str]], layout: Layout) -> Iterator[str]:
    """The headers of columns that are not used and look as if they said who works here: their words are those of a
    status, or they hold yes and no, or dates, below a header that speaks of it."""
    used = {column.position for column in layout.values()}
    for position, name in enumerate(header):
        if position in used or not clean(name):
            continue
        words: set[str] = set()
        for cells in islice(rows, SAMPLE):
            if position < len(cells) and (cell := clean(cells[position][:LONGEST_CELL])) and not is_blank(cell):
                words.add(cell)
                if len(words) > FEW_WORDS:
                    break
        if words and _tells_who_works_here(_fold(name), words):
            yield clean(name)


def _tells_who_works_here(folded: str, words: set[str]) -> bool:
    suspect = SUSPECTS.search(folded) is not None
    if suspect and all(is_yes_or_no(word) or ISO_DATE.match(word) or NUMERIC_DATE.match(word) for word in words):
        return True
    standings = [standing_of(word) for word in words if not is_yes_or_no(word)]
    known = sum(standing is not None for standing in standings)
    return Standing.LEFT in standings and 2 * known > len(words)


def _positions(folded: list[str]) -> dict[str, int]:
    """The position of each header that occurs once, and -1 for one that occurs more often."""
    positions: dict[str, int] = {}
    for position, name in enumerate(folded):
        positions[name] = -1 if name in positions else position
    return positions


def is_header(cells: list[str], column_map: ColumnMap) -> bool:
    """Whether the row names the columns that an import needs."""
    try:
        return len(cells) <= MAX_COLUMNS and bool(find_columns(cells, column_map))
    except ImportInvalid:
        return False


def _require(layout: Layout, column_map: ColumnMap, line: int) -> None:
    if "name" not in layout and not {"given_name", "family_name"} <= layout.keys():
        raise unusable(line, "name", ProblemCode.NAMES_MISSING)
    if "email" not in layout and column_map.defaults.email_domain is None:
        raise unusable(line, "email", ProblemCode.ADDRESSES_MISSING)


def _fold(header: str) -> str:
    return re.sub(r"[\W_]", "", plain(unmark(clean(header[:LONGEST_CELL]))))
