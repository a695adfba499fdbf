"""The words in which uploaded files say things: yes and no, nothing, who has left, roles, levels, languages and times.

The import of people and the reader of enrolments use the same words. They are in the languages whose headers the
import knows: English, German, French and Spanish. `LANGUAGES` and `BLANK` are compared in lower case; all other words
are compared in lower case and without accents.
"""

from collections.abc import Mapping

from shared.contracts.intake import TeachingLevel


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


YES = _words("yes y true 1 x ja j oui o si s wahr waited")
NO = _words("no n false f 0 nein non falsch")
BLANK = frozenset({"-", "--", "–", "—", "n/a", "n.a.", "na", "#n/a", "#n/v", "k.a.", "k. a.", "null", "nan", "none"})
"""Cells that are filled and still say nothing."""
NOBODY = BLANK | {"nobody", "board", "board of directors"}
"""Cells of a manager's column that say that nobody stands above."""

LEFT = _words("terminated resigned inactive retired dismissed deceased separated left former leaver")
"""Any of these words in a status means that the person has left the company."""
LEFT_CODES = _words("t term termd i inact")
"""A status that is one of these codes, and nothing else, means the same."""

MENTOR = _words("mentor mentors mentorin mentorinnen mentora mentores teacher teaching teach lehrend")
MENTEE = _words(
    "mentee mentees menteein learner learning learn lernend lernende lernender mentoree mentorado mentorada protege"
)
BOTH = _words("both beide beides deux ambos ambas either")
DECLINED = NO | _words("none nothing decline declined withdrawn abgemeldet abgelehnt")
"""Cells of a role's column that say that the person does not take part."""

LEVELS: Mapping[str, TeachingLevel] = {
    word: level
    for level, words in {
        TeachingLevel.BASICS: "1 basics basic beginner novice foundation grundlagen anfanger bases debutant basico",
        TeachingLevel.GOOD: "2 good intermediate solid proficient gut fortgeschritten bon moyen intermedio bueno",
        TeachingLevel.EXPERT: "3 expert advanced professional experte expertin profi sehr-gut experto experta",
    }.items()
    for word in words.split()
}
LANGUAGES: Mapping[str, str] = {
    "allemand": "de", "alemán": "de", "anglais": "en", "arabic": "ar", "arabisch": "ar", "catalan": "ca",
    "català": "ca", "chinese": "zh", "chinesisch": "zh", "czech": "cs", "danish": "da", "deutsch": "de", "dutch": "nl",
    "englisch": "en", "english": "en", "espagnol": "es", "español": "es", "finnish": "fi", "français": "fr",
    "francés": "fr", "französisch": "fr", "french": "fr", "german": "de", "greek": "el", "hindi": "hi",
    "hungarian": "hu", "ingles": "en", "inglés": "en", "italian": "it", "italiano": "it", "italien": "it",
    "italienisch": "it", "japanese": "ja", "japanisch": "ja", "korean": "ko", "mandarin": "zh", "nederlands": "nl",
    "niederländisch": "nl", "norwegian": "no", "polish": "pl", "polnisch": "pl", "polski": "pl", "portugais": "pt",
    "portuguese": "pt", "portugiesisch": "pt", "português": "pt", "romanian": "ro", "russian": "ru", "russisch": "ru",
    "spanisch": "es", "spanish": "es", "swedish": "sv", "tschechisch": "cs", "turkish": "tr", "türkisch": "tr",
    "türkçe": "tr", "ukrainian": "uk", "ungarisch": "hu",
}  # fmt: skip
"""The code of each name of a language."""
DAYS: Mapping[str, str] = {
    word: day
    for day, words in {
        "mon": "mon monday mondays mo montag montags lun lundi lunes",
        "tue": "tue tues tuesday tuesdays di dienstag dienstags mar mardi martes",
        "wed": "wed weds wednesday wednesdays mi mittwoch mittwochs mer mercredi mie miercoles",
        "thu": "thu thur thurs thursday thursdays do donnerstag donnerstags jeu jeudi jue jueves",
        "fri": "fri friday fridays fr freitag freitags ven vendredi vie viernes",
    }.items()
    for word in words.split()
}
HALVES: Mapping[str, str] = {
    word: half
    for half, words in {
        "am": "am morning mornings vormittag vormittags fruh morgens matin matins manana mananas forenoon",
        "pm": "pm afternoon afternoons nachmittag nachmittags midi apres tarde tardes",
    }.items()
    for word in words.split()
}
ANY_TIME = _words(
    "all day days any anytime always time times week every ganztags immer jederzeit toujours siempre flexible"
)
"""Words that mean that every half of a day, or every day, is meant."""
FILLERS = _words("in the on and und et y or oder ou o at to bis from von jeden every each only nur weekday")
"""Words in a meeting window that change nothing."""
