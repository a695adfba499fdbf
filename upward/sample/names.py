"""The names of invented people, from the places in which the sample company works and from elsewhere."""

GIVEN_NAMES = (
    "Amara", "Mateo", "Ingrid", "Kenji", "Lucía", "Tobias", "Priya", "Samuel", "Yasmin", "Oliver", "Mei", "Rafael",
    "Hanna", "Kwame", "Sofía", "Lukas", "Aisha", "Daniel", "Chiara", "Arjun", "Freya", "Diego", "Leila", "Jonas",
    "Naomi", "Hiroshi", "Elena", "Malik", "Greta", "Andrés", "Zainab", "Felix", "Carmen", "Wei", "Astrid", "Omar",
    "Valeria", "Noah", "Sunita", "Emil", "Farida", "Hugo", "Keiko", "Bruno", "Thandiwe", "Javier", "Klara", "Idris",
    "Paloma", "Stefan", "Anjali", "Marcus", "Ximena", "Joon", "Matilda", "Rashid", "Inés", "Anton", "Imani", "Gabriel",
)  # fmt: skip

FAMILY_NAMES = (
    "Okafor", "Rivera", "Lindqvist", "Tanaka", "Navarro", "Becker", "Raman", "Whitfield", "Haddad", "Bennett", "Chen",
    "Moreno", "Vogel", "Mensah", "Castillo", "Schreiber", "Siddiqui", "Harper", "Bianchi", "Mehta", "Halvorsen",
    "Ortega", "Karimi", "Brandt", "Abara", "Nakamura", "Petrova", "Johnson", "Krüger", "Salazar", "Bello", "Hoffmann",
    "Delgado", "Zhang", "Nyström", "Farouk", "Espinosa", "Clarke", "Iyer", "Winkler", "Rahman", "Laurent", "Mori",
    "Ferreira", "Dlamini", "Romero", "Seidel", "Osei", "Vidal", "Novak", "Kapoor", "Reid", "Fuentes", "Park",
    "Ashworth", "Nasser", "Ibáñez", "Keller", "Mwangi", "Silva",
)  # fmt: skip

INITIALS = "ABCDEFGHJKLMNPRSTVW"


def name_of(number: int) -> tuple[str, str]:
    """The given name and the family name of the person with this number, from 0 to 3,599. No two people share both."""
    return GIVEN_NAMES[number % 60], FAMILY_NAMES[(number * 7 + number // 60 * 11) % 60]
