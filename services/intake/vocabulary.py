"""The words in which uploaded files say things: yes and no, nothing, who has left, roles, levels, languages and times.

The import of people and the reader of enrolments use the same words. They are in the languages whose headers the
import knows: English, German, French and Spanish; those that say who works here are also in Italian, Dutch, Polish and
Portuguese. `LANGUAGES` and `BLANK` are compared in lower case; all other words are compared in lower case and without
accents.
"""

from collections.abc import Mapping

from shared.contracts.intake import TeachingLevel


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> frozenset[str]:
    return frozenset(" ".join(phrase.split()) for phrase in text.split("|"))


YES = _words("yes y true t 1 x ja j oui o si s sim tak wahr vrai verdadero vero waar prawda verdadeiro waited")
NO = _words("no n false f 0 nein non nee nie nao falsch faux falso onwaar falsz fałsz")
BLANK = frozenset({"-", "--", "–", "—", "n/a", "n.a.", "na", "#n/a", "#n/v", "k.a.", "k. a.", "null", "nan", "none"})
"""Cells that are filled and still say nothing."""
NOBODY = BLANK | {"nobody", "board", "board of directors"}
"""Cells of a manager's column that say that nobody stands above."""

LEFT = _phrases(
    "terminated|termination|resigned|resignation|inactive|not active|non active|nonactive|no longer active|not "
    "employed|"
    "no longer employed|retired|retiree|retirement|dismissed|dismissal|deceased|died|separated|separation|left|"
    "has left|"
    "left company|left the company|former|leaver|deactivated|ended|employment ended|contract ended|contract expired|"
    "expired|laid off|layoff|redundant|made redundant|redundancy|fired|discharged|departed|exited|offboarded|quit|gone|"
    "job abandonment|deleted|archived|ex|alumni|"
    "ausgeschieden|ausgetreten|austritt|inaktiv|nicht aktiv|nicht mehr aktiv|nicht mehr beschaftigt|gekundigt|"
    "kundigung|"
    "entlassen|unternehmen verlassen|ehemalig|ehemalige|ehemaliger|pensioniert|pension|in pension|rente|in "
    "rente|rentner|"
    "rentnerin|verrentet|berentet|ruhestand|im ruhestand|verstorben|deaktiviert|beendet|vertrag beendet|"
    "arbeitsverhaltnis beendet|ausgeschiedene|ausgeschiedener|geloscht|archiviert|"
    "inactif|non actif|plus actif|pas actif|n est plus actif|parti|partie|sorti|sortie|demissionnaire|demission|"
    "demissionne|"
    "licencie|licenciee|licenciement|retraite|retraitee|a la retraite|en retraite|ancien|ancienne|decede|"
    "decedee|desactive|"
    "desactivee|termine|terminee|contrat termine|fin de contrat|rupture conventionnelle|a quitte|a quitte l entreprise|"
    "radie|"
    "inactivo|inactiva|no activo|no activa|baja|dado de baja|dada de baja|baja voluntaria|baja definitiva|"
    "cesado|cesada|"
    "cese|despedido|despedida|despido|renuncia|renuncio|dimitido|dimision|jubilado|jubilada|fallecido|fallecida|"
    "exempleado|"
    "exempleada|antiguo|desvinculado|desvinculada|terminado|terminada|finalizado|desactivado|desactivada|retirado|"
    "retirada|ya no trabaja|"
    "inattivo|inattiva|non attivo|non attiva|cessato|cessata|cessazione|dimesso|dimessa|dimissioni|dimissionario|"
    "dimissionaria|licenziato|licenziata|licenziamento|pensionato|pensionata|in pensione|deceduto|deceduta|disattivato|"
    "disattivata|terminato|concluso|uscito|uscita|"
    "inactief|niet actief|niet meer actief|uit dienst|uitdienst|vertrokken|ontslagen|ontslag|ontslag genomen|pensioen|"
    "met pensioen|gepensioneerd|overleden|voormalig|voormalige|gedeactiveerd|beeindigd|contract beeindigd|opgezegd|"
    "nieaktywny|nieaktywna|nie aktywny|nie aktywna|zwolniony|zwolniona|odszedl|odeszla|byly|byla|emeryt|"
    "emerytka|emerytura|"
    "na emeryturze|zmarly|zmarla|zakonczony|zakonczona|zakonczone|umowa zakonczona|umowa rozwiazana|"
    "zatrudnienie zakonczone|dezaktywowany|dezaktywowana|niezatrudniony|niezatrudniona|nie pracuje|"
    "inativo|inativa|nao ativo|nao ativa|desligado|desligada|desligamento|demitido|demitida|demissao|dispensado|"
    "dispensada|"
    "exonerado|exonerada|aposentado|aposentada|reformado|reformada|falecido|falecida|desativado|desativada|encerrado|"
    "rescindido|rescisao|saiu"
)
"""A status that is one of these, as a whole, means that the person has left the company."""
LEFT_CODES = _words("t term termd i inact")
"""A status that is one of these codes, and nothing else, means the same."""
AWAY = _phrases(
    "on leave|leave|leave of absence|on leave of absence|loa|on loa|absence|absent|long term absence|maternity leave|"
    "on maternity leave|maternity|paternity leave|on paternity leave|paternity|parental leave|on parental leave|"
    "family leave|"
    "medical leave|on medical leave|sick leave|on sick leave|long term sick|long term sick leave|sabbatical|on "
    "sabbatical|"
    "unpaid leave|paid leave|leave with pay|leave without pay|garden leave|gardening leave|furlough|furloughed|"
    "on furlough|"
    "military leave|study leave|educational leave|extended leave|disability leave|short term disability|"
    "long term disability|away|career break|"
    "beurlaubt|elternzeit|in elternzeit|mutterschutz|im mutterschutz|mutterschaftsurlaub|sabbatjahr|im sabbatical|"
    "unbezahlter urlaub|langzeitkrank|langzeiterkrankt|dauerkrank|krank|krankgeschrieben|arbeitsunfahig|ruhend|"
    "ruhendes arbeitsverhaltnis|arbeitsverhaltnis ruht|freigestellt|freistellung|pflegezeit|karenz|in karenz|abwesend|"
    "bildungsurlaub|"
    "en conge|conge|conge maternite|conge de maternite|en conge maternite|en conge de maternite|conge paternite|"
    "conge de paternite|conge parental|en conge parental|conge sabbatique|conge sans solde|conge maladie|arret maladie|"
    "en arret maladie|en arret|longue maladie|absente|en disponibilite|maternite|"
    "de baja|baja medica|baja por enfermedad|baja maternal|baja por maternidad|baja por paternidad|excedencia|"
    "en excedencia|permiso|de permiso|permiso parental|permiso de maternidad|permiso de paternidad|permiso sin sueldo|"
    "licencia|de licencia|en licencia|licencia medica|licencia por maternidad|licencia de maternidad|"
    "licencia sin goce de sueldo|incapacidad|incapacidad temporal|ausente|sabatico|ano sabatico|"
    "aspettativa|in aspettativa|congedo|in congedo|congedo parentale|in congedo parentale|congedo di maternita|"
    "congedo maternita|congedo di paternita|maternita|in maternita|malattia|in malattia|infortunio|anno "
    "sabbatico|assente|"
    "verlof|met verlof|op verlof|zwangerschapsverlof|met zwangerschapsverlof|bevallingsverlof|ouderschapsverlof|"
    "met ouderschapsverlof|onbetaald verlof|ziek|langdurig ziek|ziekteverlof|met ziekteverlof|afwezig|"
    "urlop|na urlopie|urlop macierzynski|na urlopie macierzynskim|urlop rodzicielski|na urlopie rodzicielskim|"
    "urlop wychowawczy|na urlopie wychowawczym|urlop bezplatny|na urlopie bezplatnym|urlop zdrowotny|zwolnienie "
    "lekarskie|"
    "na zwolnieniu lekarskim|na zwolnieniu|l4|chorobowe|nieobecny|nieobecna|"
    "licenca|de licenca|em licenca|licenca maternidade|licenca de maternidade|em licenca maternidade|licenca "
    "paternidade|"
    "licenca parental|licenca medica|licenca sem vencimento|licenca nao remunerada|afastado|afastada|afastamento|baixa|"
    "de baixa|baixa medica|licenca sabatica"
)
"""A status that is one of these, as a whole, means that the person works here and is away for a while."""
ACTIVE = _phrases(
    "active|activated|enabled|employed|employee|current|currently employed|currently active|working|at work|regular|"
    "permanent|temporary|full time|part time|fulltime|parttime|hired|new hire|onboarding|probation|on probation|a|act|"
    "notice|on notice|notice period|in notice period|contractor|intern|trainee|rehired|"
    "aktiv|aktiviert|beschaftigt|angestellt|tatig|im dienst|unbefristet|befristet|vollzeit|teilzeit|probezeit|"
    "in probezeit|"
    "actif|en poste|en activite|present|presente|employe|employee|salarie|salariee|cdi|cdd|titulaire|en fonction|"
    "activo|activa|alta|de alta|en activo|empleado|empleada|contratado|contratada|vigente|"
    "attivo|attiva|in forza|in servizio|assunto|assunta|dipendente|"
    "actief|in dienst|werkzaam|"
    "aktywny|aktywna|zatrudniony|zatrudniona|pracuje|czynny|czynna|"
    "ativo|ativa|em atividade|admitido|admitida|empregado|empregada|em exercicio|efetivo|efetiva"
)
"""A status that is one of these, as a whole, means that the person works here."""
QUALIFIERS = _words(
    "voluntarily voluntary involuntarily involuntary for cause without employee employees staff worker "
    "colleague member "
    "freiwillig unfreiwillig mitarbeiter mitarbeiterin mitarbeitende volontaire involontaire salarie salariee employe "
    "voluntario voluntaria involuntaria involuntario empleado empleada dipendente medewerker vrijwillig pracownik "
    "pracownica funcionario funcionaria colaborador colaboradora oud"
)
"""Words beside one of the above that change nothing."""
NO_DATE = _phrases(
    "never|present|current|open|open ended|permanent|unlimited|ongoing|indefinite|tbd|unbefristet|offen|heute|aktuell|"
    "indetermine|indefinido|indeterminato|onbepaald|bezterminowo|indeterminado|"
    "unknown|unbekannt|inconnu|inconnue|desconocido|desconocida|sconosciuto|onbekend|nieznana|nieznany|desconhecido|"
    "desconhecida|kein|keine|kein datum|nicht vorhanden|entfallt|n.b.|aucun|aucune|n/d|n.d.|nd|ninguno|ninguna|"
    "sin fecha|s/d|nessuno|nessuna|geen|nvt|n.v.t.|brak|b.d.|nenhum|nenhuma|sem data"
)
"""Cells of a date's column that say that there is no date."""
TOTALS = _words(
    "total totals subtotal sum count gesamt summe anzahl zwischensumme somme nombre totale somma suma razem "
    "totaal aantal "
    "records rows zeilen datensatze"
)
"""The first word of a line below a table that counts or sums it up."""

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
