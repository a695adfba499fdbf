"""The words in which enrolments files say things, in the languages that the people import knows headers of. All but
`LANGUAGES` are compared without case and accents."""

from collections.abc import Mapping

from shared.contracts.intake import TeachingLevel


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


EMPTY = frozenset({"-", "--", "–", "—", "n/a", "n.a.", "na", "#n/a", "#n/v", "k.a.", "k. a.", "null", "nan", "none"})
"""Cells that mean: nothing is said."""
MENTOR = _words("mentor mentors mentorin mentorinnen mentora mentores teacher teaching teach lehrend")
MENTEE = _words(
    "mentee mentees menteein learner learning learn lernend lernende lernender mentoree mentorado mentorada protege"
)
BOTH = _words("both beide beides deux ambos ambas either")
DECLINED = _words("none no nein non nothing decline declined withdrawn abgemeldet abgelehnt")
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
    "englisch": "en", "anglais": "en", "inglés": "en", "ingles": "en", "französisch": "fr", "francés": "fr",
    "spanisch": "es", "espagnol": "es", "allemand": "de", "alemán": "de", "italienisch": "it", "italien": "it",
    "niederländisch": "nl", "portugiesisch": "pt", "portugais": "pt", "polnisch": "pl", "polski": "pl",
    "russisch": "ru", "türkisch": "tr", "türkçe": "tr", "chinesisch": "zh", "japanisch": "ja", "arabisch": "ar",
    "arabic": "ar", "hungarian": "hu", "ungarisch": "hu", "tschechisch": "cs", "catalan": "ca", "català": "ca",
}  # fmt: skip
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
WHOLE = _words(
    "all day days any anytime always time times week every ganztags immer jederzeit toujours siempre flexible"
)
FILLERS = _words("in the on and und et y or oder ou o at to bis from von jeden every each only nur weekday")
YES = _words("yes y true 1 x ja j oui o si s wahr waited")
NO = _words("no n false 0 nein non falsch")
