"""What can be wrong with a file of people that is imported, and what somebody should look at: codes with arguments.

`shared/language/problems.py` makes sentences of them.
"""

from enum import StrEnum


class ProblemCode(StrEnum):
    """One kind of problem or note."""

    # The file as a whole cannot be read.
    OLD_WORKBOOK = "old_workbook"
    WORKBOOK_UNREADABLE = "workbook_unreadable"
    WORKBOOK_TOO_LARGE = "workbook_too_large"
    WORKBOOK_TOO_MANY_PARTS = "workbook_too_many_parts"
    """It has more than `most` parts."""
    WORKBOOK_CELLS_FAR_AWAY = "workbook_cells_far_away"
    WORKBOOK_REPEATS_TEXTS = "workbook_repeats_texts"
    WORKBOOK_OWN_ENTITIES = "workbook_own_entities"
    NO_SHEETS = "no_sheets"
    SHEET_MISSING = "sheet_missing"
    TOO_MANY_LINES = "too_many_lines"
    """More than `most`; so are the two below."""
    TOO_MANY_COLUMNS = "too_many_columns"
    TOO_MANY_ROWS = "too_many_rows"
    LINE_TOO_LONG = "line_too_long"
    """More than `most` characters."""
    FILE_EMPTY = "file_empty"
    HEADER_LINE_EMPTY = "header_line_empty"
    ROWS_MISSING = "rows_missing"
    NOT_IN_ENCODING = "not_in_encoding"
    """The text is not in `encoding`."""
    NUL_CHARACTER = "nul_character"
    QUOTATION_MARKS = "quotation_marks"
    # Its columns.
    COLUMN_MISSING = "column_missing"
    COLUMN_TWICE = "column_twice"
    NAMES_MISSING = "names_missing"
    ADDRESSES_MISSING = "addresses_missing"
    NO_IDENTIFIER = "no_identifier"
    """`wrong` of the `matched` rows would change into somebody else."""
    COLUMN_OVERLOOKED = "column_overlooked"
    # The cells of a row.
    ROW_TOO_LONG = "row_too_long"
    """A cell is longer than `most` characters."""
    SURPLUS_CELLS = "surplus_cells"
    CELL_TOO_LONG = "cell_too_long"
    """It is longer than `most` characters; so is the name of `name_too_long`."""
    CELL_UNREADABLE = "cell_unreadable"
    NOT_A_DATE = "not_a_date"
    NOT_A_DAY = "not_a_day"
    NOT_A_LEVEL = "not_a_level"
    NOT_AN_ADDRESS = "not_an_address"
    NOT_A_LANGUAGE = "not_a_language"
    NOT_A_TIME_ZONE = "not_a_time_zone"
    NAME_MISSING = "name_missing"
    NAME_TOO_LONG = "name_too_long"
    ADDRESS_MISSING = "address_missing"
    LEVEL_MISSING = "level_missing"
    NUMBER_SHORTENED = "number_shortened"
    HEADER_REPEATED = "header_repeated"
    FOOTER = "footer"
    FORMULA_ERROR = "formula_error"
    WORD_UNKNOWN = "word_unknown"
    STANDINGS_DISAGREE = "standings_disagree"
    END_BEFORE_START = "end_before_start"
    END_HAS_COME = "end_has_come"
    SERIAL_DATE = "serial_date"
    DATE_OUT_OF_YEARS = "date_out_of_years"
    """It is not between the years `first` and `last`."""
    # Who a row is about.
    ID_REPEATED = "id_repeated"
    """It is on `line` already; so is the address of `address_repeated`."""
    ADDRESS_REPEATED = "address_repeated"
    ADDRESS_OF_LINE = "address_of_line"
    """The address belongs to the person on `line`."""
    ADDRESS_OF_PERSON = "address_of_person"
    """The address belongs to `person` of the directory."""
    ID_AND_ADDRESS_OF_TWO = "id_and_address_of_two"
    """The id of the row on `line` belongs to `person`, and the address to `other`."""
    ID_OF_ANOTHER = "id_of_another"
    """The id of the row on `line` belongs to `person`, whose name and address are different."""
    ID_OF_ANOTHER_NAME = "id_of_another_name"
    """The row has no address; the name is different."""
    ADDRESS_OF_ANOTHER = "address_of_another"
    """The address of the row on `line` belongs to `person`, whose name and id are different."""
    ADDRESS_OF_ANOTHER_NAME = "address_of_another_name"
    """The row or the person has no id; the name is different."""
    ADDRESS_NOT_DERIVED = "address_not_derived"
    ZEROS_LOST = "zeros_lost"
    LEAVER_ID_GIVEN_AGAIN = "leaver_id_given_again"
    # The reporting line.
    MANAGER_UNKNOWN = "manager_unknown"
    MANAGER_AMBIGUOUS = "manager_ambiguous"
    MANAGERS_CONFLICT = "managers_conflict"
    OWN_MANAGER = "own_manager"
    CIRCLE_OF_MANAGERS = "circle_of_managers"
    MANAGER_UNKNOWN_ACCEPTED = "manager_unknown_accepted"
    MANAGER_LEFT_OUT = "manager_left_out"
    """The manager's row on `line` was left out, and the next one above was taken."""
    MANAGER_LEFT_OUT_NOBODY = "manager_left_out_nobody"
    """The manager's row on `line` was left out, and nobody is set."""
    MANAGER_GONE = "manager_gone"
    CIRCLE_LEFT_OUT = "circle_left_out"
    TOP_OF_LINE = "top_of_line"
    BELOW_SCALE = "below_scale"
    # How many.
    MORE_NOTES = "more_notes"
    """There are `count` more notes."""


DOUBTS = frozenset(
    {
        ProblemCode.ID_AND_ADDRESS_OF_TWO,
        ProblemCode.ID_OF_ANOTHER,
        ProblemCode.ID_OF_ANOTHER_NAME,
        ProblemCode.ADDRESS_OF_ANOTHER,
        ProblemCode.ADDRESS_OF_ANOTHER_NAME,
    }
)
"""The problems that are solved by saying whether the row is about the same person as before."""
