"""What is wrong with an imported file or one of its rows, as sentences.

Whoever reads a page reads `SENTENCES` in their language, with what they can do on the page. Whoever calls the API or
the command line reads English, with what they can write in the mapping (`IN_MAPPING`). Neither repeats a cell.
"""

from collections.abc import Mapping

from shared.contracts.imports import ProblemCode
from shared.language.words import Words, translatable

Arguments = Mapping[str, int | str]
ROWS = "rows"
"""The argument of a note that is told once for several rows: how many."""
IN_ALL = "It concerns {rows} {noun}."
MAPPED = 'say which it is in the mapping, with "line %(line)s" under new or same of [identity]'

SENTENCES: dict[str, str] = {
    ProblemCode.OLD_WORKBOOK: translatable(
        "This is an old workbook, or one with a password; save it as XLSX without one, or as CSV (UTF-8)."
    ),
    ProblemCode.WORKBOOK_UNREADABLE: translatable(
        "The workbook cannot be read; save it without a password, or save its sheet as CSV."
    ),
    ProblemCode.WORKBOOK_TOO_LARGE: translatable(
        "The workbook is too large when it is unpacked; save the sheet as CSV."
    ),
    ProblemCode.WORKBOOK_TOO_MANY_PARTS: translatable(
        "The workbook has more than %(most)s parts; save the sheet alone."
    ),
    ProblemCode.WORKBOOK_CELLS_FAR_AWAY: translatable(
        "A sheet of the workbook has cells far below or far to the right; save it as CSV."
    ),
    ProblemCode.WORKBOOK_REPEATS_TEXTS: translatable(
        "The workbook repeats long texts too often; save the sheet as CSV."
    ),
    ProblemCode.WORKBOOK_OWN_ENTITIES: translatable(
        "The workbook declares entities of its own; save the sheet as CSV."
    ),
    ProblemCode.NO_SHEETS: translatable("The workbook has no sheets."),
    ProblemCode.SHEET_MISSING: translatable("The workbook has no sheet of this name; choose another one."),
    ProblemCode.TOO_MANY_LINES: translatable("The file has more than %(most)s lines; leave out empty ones."),
    ProblemCode.TOO_MANY_COLUMNS: translatable("The file has more than %(most)s columns; leave out those not needed."),
    ProblemCode.TOO_MANY_ROWS: translatable("The file has more than %(most)s rows; split it."),
    ProblemCode.LINE_TOO_LONG: translatable(
        "This line has more than %(most)s characters, so that it is no row of a table."
    ),
    ProblemCode.FILE_EMPTY: translatable("The file is empty; its first line must name the columns."),
    ProblemCode.HEADER_LINE_EMPTY: translatable(
        "The line that should name the columns is empty or not there; choose another one."
    ),
    ProblemCode.ROWS_MISSING: translatable("The file has a header and no rows below it."),
    ProblemCode.NOT_IN_ENCODING: translatable("The text cannot be read as %(encoding)s; save the file as UTF-8."),
    ProblemCode.NUL_CHARACTER: translatable("The file holds a NUL character; it is not a CSV file."),
    ProblemCode.QUOTATION_MARKS: translatable(
        "The quotation marks of this row do not pair up; one inside a quoted cell is written twice."
    ),
    ProblemCode.COLUMN_MISSING: translatable("The file's header has no such column."),
    ProblemCode.COLUMN_TWICE: translatable("The header names this column twice."),
    ProblemCode.NAMES_MISSING: translatable(
        "No column holds names. Choose the one with the whole name, or those with the given and the family name."
    ),
    ProblemCode.ADDRESSES_MISSING: translatable(
        "No column holds e-mail addresses. Choose it, or give the domain from which addresses are made of names."
    ),
    ProblemCode.NO_IDENTIFIER: translatable(
        "This column does not hold employee ids: %(wrong)s of the %(matched)s rows that match would change into "
        "somebody else. Choose the column of the employee ids, or do not use this one."
    ),
    ProblemCode.COLUMN_OVERLOOKED: translatable(
        "This column is not used, and it may say who works here. If it does, go back and say what it means."
    ),
    ProblemCode.ROW_TOO_LONG: translatable("A cell of this row is longer than %(most)s characters."),
    ProblemCode.SURPLUS_CELLS: translatable(
        "This row has more cells than the header; a cell with a delimiter needs quotes."
    ),
    ProblemCode.CELL_TOO_LONG: translatable("This cell is longer than %(most)s characters."),
    ProblemCode.CELL_UNREADABLE: translatable("This cell cannot be read."),
    ProblemCode.NOT_A_DATE: translatable("This cell is not a date; write it like 2011-07-05."),
    ProblemCode.NOT_A_DAY: translatable(
        "This cell is not a day of the calendar. If days come before months in the file, choose it with the columns."
    ),
    ProblemCode.NOT_A_LEVEL: translatable(
        "This cell is not a level; write a whole number from 1 to 100, higher for more senior."
    ),
    ProblemCode.NOT_AN_ADDRESS: translatable("This cell is not an e-mail address."),
    ProblemCode.NOT_A_LANGUAGE: translatable("This cell is not a language code; write it like en or de."),
    ProblemCode.NOT_A_TIME_ZONE: translatable("This cell is not a time zone; write it like Europe/Berlin."),
    ProblemCode.NAME_MISSING: translatable("The name is missing."),
    ProblemCode.NAME_TOO_LONG: translatable("The name is longer than %(most)s characters."),
    ProblemCode.ADDRESS_MISSING: translatable("The e-mail address is missing."),
    ProblemCode.LEVEL_MISSING: translatable("The level is missing; give every row one, or no row."),
    ProblemCode.NUMBER_SHORTENED: translatable(
        "A spreadsheet has shortened this number; format the column as text and export it again."
    ),
    ProblemCode.HEADER_REPEATED: translatable("The header is repeated here; the line was not read."),
    ProblemCode.FOOTER: translatable("This line below the table is no person; it was not read."),
    ProblemCode.FORMULA_ERROR: translatable("The cell holds the error of a formula, such as #N/A; it counts as empty."),
    ProblemCode.WORD_UNKNOWN: translatable(
        "This word is not known, so it counts as working here. What the words of an employment status mean can be said "
        "with the columns."
    ),
    ProblemCode.STANDINGS_DISAGREE: translatable(
        "The columns disagree on whether this person works here; it counts as having left."
    ),
    ProblemCode.END_BEFORE_START: translatable(
        "The end lies before the start, so it counts as the end of an earlier employment."
    ),
    ProblemCode.END_HAS_COME: translatable(
        "The status says that the person works here, and the end has come; it counts as having left."
    ),
    ProblemCode.SERIAL_DATE: translatable(
        "The date is a number of a spreadsheet; it was read in the calendar that starts in 1900."
    ),
    ProblemCode.DATE_OUT_OF_YEARS: translatable(
        "The date lies before %(first)s or after %(last)s; it counts as no date."
    ),
    ProblemCode.ID_REPEATED: translatable("This id is on line %(line)s already."),
    ProblemCode.ADDRESS_REPEATED: translatable("This e-mail address is on line %(line)s already."),
    ProblemCode.ADDRESS_OF_LINE: translatable("This e-mail address belongs to the person on line %(line)s."),
    ProblemCode.ADDRESS_OF_PERSON: translatable("This e-mail address belongs to somebody else in the directory."),
    ProblemCode.ID_AND_ADDRESS_OF_TWO: translatable(
        "The id belongs to one person of the directory, and the address to another one."
    ),
    ProblemCode.ID_OF_ANOTHER: translatable(
        "The id belongs to a person of the directory whose name and address are different."
    ),
    ProblemCode.ID_OF_ANOTHER_NAME: translatable(
        "The id belongs to a person of the directory whose name is different."
    ),
    ProblemCode.ADDRESS_OF_ANOTHER: translatable(
        "The address belongs to a person of the directory whose name and id are different."
    ),
    ProblemCode.ADDRESS_OF_ANOTHER_NAME: translatable(
        "The address belongs to a person of the directory whose name is different."
    ),
    ProblemCode.ADDRESS_NOT_DERIVED: translatable("No address can be derived from this name; give one."),
    ProblemCode.ZEROS_LOST: translatable(
        "The id has lost its leading zeros, as in a spreadsheet; the directory's id was kept."
    ),
    ProblemCode.LEAVER_ID_GIVEN_AGAIN: translatable(
        "The id of this leaver belongs to somebody else of the directory by now, who stays as they are."
    ),
    ProblemCode.MANAGER_UNKNOWN: translatable("The manager is neither in this file nor in the directory."),
    ProblemCode.MANAGER_AMBIGUOUS: translatable(
        "Several people have the manager's name; give the manager's id or e-mail address instead."
    ),
    ProblemCode.MANAGERS_CONFLICT: translatable("The manager's columns lead to different people."),
    ProblemCode.OWN_MANAGER: translatable("This row has its own person as manager."),
    ProblemCode.CIRCLE_OF_MANAGERS: translatable("This row is part of a circle of managers."),
    ProblemCode.MANAGER_UNKNOWN_ACCEPTED: translatable(
        "The manager is neither in this file nor in the directory; nobody is set as manager."
    ),
    ProblemCode.MANAGER_LEFT_OUT: translatable(
        "The manager's row, line %(line)s, was left out; the next one above was taken."
    ),
    ProblemCode.MANAGER_LEFT_OUT_NOBODY: translatable(
        "The manager's row, line %(line)s, was left out; nobody is set as manager."
    ),
    ProblemCode.MANAGER_GONE: translatable(
        "The manager has left, and who stood above is not known; nobody is set as manager."
    ),
    ProblemCode.CIRCLE_LEFT_OUT: translatable(
        "With the rows left out the reporting line would go round; nobody is set as manager."
    ),
    ProblemCode.TOP_OF_LINE: translatable(
        "Nobody stands above; with no level column this person counts as a top of the reporting line."
    ),
    ProblemCode.BELOW_SCALE: translatable(
        "With this person the reporting line is deeper than the levels reach; level 1 is the lowest one, so that "
        "nobody else's level changes."
    ),
    ProblemCode.MORE_NOTES: translatable("There are %(count)s more notes of this kind."),
}
IN_MAPPING: dict[str, str] = {
    ProblemCode.SHEET_MISSING: "The workbook has no sheet of the name that [table] sheet gives.",
    ProblemCode.HEADER_LINE_EMPTY: "The file is empty; the line that [table] header_line gives must name the columns.",
    ProblemCode.NOT_IN_ENCODING: "The text cannot be read as %(encoding)s; export it as UTF-8, or name its encoding in "
    "[formats].",
    ProblemCode.QUOTATION_MARKS: "The quotation marks of this row do not pair up; "
    'a " inside a quoted cell is written "".',
    ProblemCode.NAMES_MISSING: "No column of the header holds names; name it in the mapping: [columns] name, or "
    "given_name and family_name.",
    ProblemCode.ADDRESSES_MISSING: "No column of the header holds e-mail addresses; name it in the mapping: [columns] "
    "email, or let addresses be derived from names: [defaults] email_domain.",
    ProblemCode.NO_IDENTIFIER: "This column is no identifier: %(wrong)s of the %(matched)s rows that match would "
    "change into somebody else. Name the column of the employee ids, or leave it out with [columns] "
    'external_id = "".',
    ProblemCode.COLUMN_OVERLOOKED: "This column is not used, and it may say who works here; if it does, name it in "
    "[columns]: as status, active, inactive or terminated_on.",
    ProblemCode.NOT_A_DAY: "This cell is not a day of the calendar; if days come before months, set dates = "
    "'day-first' in [formats].",
    ProblemCode.NOT_A_LANGUAGE: "This cell is not a language code; write it like en or de, or add it to [languages].",
    ProblemCode.NOT_A_TIME_ZONE: "This cell is not a time zone; write it like Europe/Berlin, or add it to "
    "[time_zones].",
    ProblemCode.WORD_UNKNOWN: "This word is not known, so it counts as active; if it means something else, add it to "
    "leavers or away in [status], or else to active.",
    ProblemCode.ADDRESS_OF_PERSON: "This e-mail address belongs to person %(person)s of the directory.",
    ProblemCode.ID_AND_ADDRESS_OF_TWO: "The id belongs to person %(person)s of the directory, and the address to "
    f"person %(other)s; {MAPPED}",
    ProblemCode.ID_OF_ANOTHER: "The id of line %(line)s belongs to person %(person)s of the directory, whose name and "
    f"address are different; {MAPPED}",
    ProblemCode.ID_OF_ANOTHER_NAME: "The id of line %(line)s belongs to person %(person)s of the directory, whose name "
    f"is different; {MAPPED}",
    ProblemCode.ADDRESS_OF_ANOTHER: "The address of line %(line)s belongs to person %(person)s of the directory, whose "
    f"name and id are different; {MAPPED}",
    ProblemCode.ADDRESS_OF_ANOTHER_NAME: "The address of line %(line)s belongs to person %(person)s of the directory, "
    f"whose name is different; {MAPPED}",
}


def in_english(code: ProblemCode, arguments: Arguments) -> str:
    """What the API and the command line say."""
    told = IN_MAPPING.get(code, SENTENCES[code]) % arguments
    if (rows := arguments.get(ROWS)) is None:
        return told
    return f"{told} {IN_ALL.format(rows=rows, noun='row' if rows == 1 else 'rows')}"


def sentence(code: str, arguments: Arguments, words: Words) -> str:
    """What a page says. Empty if the code is not known, because a newer process has made it."""
    if code not in SENTENCES:
        return ""
    values = {name: words.number(value) if isinstance(value, int) else value for name, value in arguments.items()}
    told = words.gettext(SENTENCES[code], **values)
    if not isinstance(rows := arguments.get(ROWS), int) or rows == 1:  # the line of the one row stands beside it
        return told
    counted = words.ngettext("It concerns %(num)s row.", "It concerns %(num)s rows.", rows)
    return f"{told} {counted}"
