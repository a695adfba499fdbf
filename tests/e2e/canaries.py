"""A company whose every personal word is a canary: a rare word that can be looked for wherever it must not be.

People, what they write, and what goes wrong with them: refused mail, an invalid form, a pair that does not fit.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from aiosmtpd.smtp import SMTP, Envelope, Session

from upward.demo.mailbox import Letter
from upward.demo.people import PageFields
from upward.embedded import MailCatcher

WORDS = {
    # What it stands for: the word that each such text of each person contains.
    "external id": "empviolet",
    "given name": "quillfeather",
    "family name": "brontewick",
    "address": "mailwhisker",
    "job title": "titlecobalt",
    "department": "deptamber",
    "location": "placeumber",
    "note": "notesienna",
    "comment": "commentochre",
    "refused input": "wrongscarlet",
    "endpoint url": "hookteal",
    "endpoint description": "plainlavender",
    "endpoint answer": "echomaroon",
}
SENIORS, JUNIORS = range(2, 9), range(9, 16)
REFUSED, PUT_OFF, CUT_OFF = 15, 2, 1
"""People whose mail server refuses them for good, at first puts them off, and breaks the connection over the second
letter, which goes to them alone."""
CHECK_IN_SECONDS = 12
TOPICS = ["generative-ai", "short-video", "gaming"]
PROGRAM: dict[str, Any] = {
    "name": "Upward at work",
    "direction": "reverse",
    "topics": [{"code": code, "label": code} for code in TOPICS],
    "time_zone": "Europe/Berlin",
    "calendar": {
        # Each round ends as soon as those who can answer have answered.
        "enrolment": {"length": "PT1H", "reminders": ["PT7S"]},
        "acceptance": {"length": "PT1H", "reminders": ["PT20S"]},
        "check_ins": 2,
        "survey": {"length": "PT1H", "reminders": ["PT20S"]},
        "approval": {"remind_every": "PT5S", "escalate_after": "PT20S"},
        "concern": {"remind_every": "PT1S", "escalate_after": "PT2S"},
        "sending_hours": None,
    },
    "recurs": True,
}


def program(check_in_seconds: int) -> dict[str, Any]:
    """With so many seconds from one check-in to the next."""
    check_in = f"PT{check_in_seconds}S"
    own = {"check_in": {"length": check_in, "reminders": ["PT6S"]}, "check_in_every": check_in}
    return PROGRAM | {"calendar": PROGRAM["calendar"] | own}


def address(number: int) -> str:
    return f"mailwhisker{number:02}@quarry.example"


def number_of(email: str) -> int:
    return int(re.sub(r"\D", "", email))


def level(number: int) -> int:
    return {0: 6, 1: 4}.get(number, 5 if number in SENIORS else 1)


def write_people(path: Path, *, broken: bool = False) -> Path:
    """Sixteen people: a sponsor, a lead who coordinates, seven seniors and the lead's seven juniors.

    Broken, every row has something that no import takes."""
    columns = "given_name,family_name,email,job_title,department,location,time_zone,language,level,manager_id"
    rows = [f"employee_id,{columns}"]
    for number in range(16):
        manager = "" if number == 0 else "EmpViolet01" if number in JUNIORS else "EmpViolet00"
        row = [
            *(f"EmpViolet{number:02}", f"Quillfeather{number:02}", f"Brontewick{number:02}", address(number)),
            *(f"Titlecobalt{number:02}", f"Deptamber{number:02}", f"Placeumber{number:02}", "Europe/Berlin", "en"),
            *(str(level(number)), manager),
        ]
        if broken:
            spoilt = number % 4
            row[3] = "wrongscarlet is no address" if spoilt == 0 else row[3]
            row[7] = "Wrongscarlet/Nowhere" if spoilt == 1 else row[7]
            row[9] = "wrongscarlet" if spoilt == 2 else row[9]
            row[10] = "Wrongscarlet99" if spoilt == 3 else row[10]
        rows.append(",".join(row))
    path.write_text("\n".join(rows) + "\n")
    return path


class TroublesomeMail(MailCatcher):
    """A mail server that quotes addresses in its refusals, as real ones do."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        super().__init__(folder, port)
        self.trouble: Counter[int] = Counter()

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, recipient: str, options: list[str]
    ) -> str:
        number = number_of(recipient)
        self.trouble[number] += 1
        if number == REFUSED:
            return f"550 5.1.1 <{recipient}>: no such mailbox"
        if number == PUT_OFF and self.trouble[number] == 1:
            return f"451 4.7.1 <{recipient}>: greylisted, try again"
        if number == CUT_OFF and self.trouble[number] in (2, 3):
            return f"421 4.3.2 <{recipient}>: closing"
        envelope.rcpt_tos.append(recipient)
        return "250 OK"


class Players:
    """Everyone answers at once by the link in their letter, with canaries wherever text can be written."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.tokens: set[str] = set()
        self.statuses: Counter[str] = Counter()
        """What became of the answers, by kind of letter and status."""
        self.pages: dict[str, list[str]] = defaultdict(list)
        """The pages that they saw, by kind of letter."""
        self._decliner: str | None = None
        self._unhappy: str | None = None
        self._has_erred = False

    async def answer(self, letter: Letter) -> None:
        if letter.link is None:
            return
        self.tokens.add(letter.link.rpartition("/")[2])
        page = await self._client.get(letter.link)
        form = self._fill(letter, PageFields(page.text)) if page.status_code == 200 else {}
        if not form:
            return
        kind = letter.template.split("_")[0]
        self.pages[kind].append(page.text)
        if not self._has_erred and number_of(letter.to) in SENIORS:
            self._has_erred = True
            wrong = {**form, "preferred_emails": "wrongscarlet@quarry.example", "languages": "wrongscarlet"}
            await self._post(kind, letter.link, wrong)
            await self._post(kind, letter.link, {"role": "wrongscarlet", "avoided_emails": "wrongscarlet"})
        await self._post(kind, letter.link, form)

    async def _post(self, kind: str, link: str, form: Mapping[str, Any]) -> None:
        """Sends the form, again and again while the server stumbles."""
        status = 500
        while status >= 500:
            status = (await self._client.post(link, data=dict(form))).status_code
            self.statuses[f"{kind} {status}"] += 1

    def _fill(self, letter: Letter, fields: PageFields) -> dict[str, Any]:
        number = number_of(letter.to)
        if letter.template.startswith("enrolment"):
            return self._enrol(number)
        if letter.template.startswith("acceptance"):
            self._decliner = self._decliner or letter.to
            decision = "decline" if self._decliner == letter.to else "accept"
            return {f"decision_{pair_id}": decision for pair_id in fields.ids_after("decision_")}
        if letter.template.startswith("check_in"):
            return self._check_in(letter.to, fields)
        form: dict[str, Any] = {}
        for pair_id in fields.ids_after("usefulness_"):
            form |= {f"usefulness_{pair_id}": "4", f"would_repeat_{pair_id}": "yes"}
            form[f"comment_{pair_id}"] = f"Commentochre{number:02} with Quillfeather{number:02}"
        return form

    def _enrol(self, number: int) -> dict[str, Any]:
        if number not in SENIORS and number not in JUNIORS:
            return {"role": "none"}
        form: dict[str, Any] = {"languages": ["en"], "meeting_windows": ["mon-am", "tue-am"]}
        if number in JUNIORS:
            return form | {"role": "mentor", "topics_taught": TOPICS, "mentor_capacity": "1"}
        wishes = {"preferred_emails": address(number + 7), "avoided_emails": address(9 + (number - 1) % 7)}
        wanted = {f"topics_wanted_{rank}": code for rank, code in enumerate(TOPICS, start=1)}
        return form | wishes | wanted | {"role": "mentee", "mentee_capacity": "1"}

    def _check_in(self, email: str, fields: PageFields) -> dict[str, Any]:
        self._unhappy = self._unhappy or email
        obstacle = "not_a_fit" if email == self._unhappy else "none"
        form: dict[str, Any] = {}
        for pair_id in fields.ids_after("met_"):
            form |= {f"met_{pair_id}": "yes", f"usefulness_{pair_id}": "4", f"obstacle_{pair_id}": obstacle}
            form[f"note_{pair_id}"] = f"Notesienna{number_of(email):02} about Brontewick{number_of(email):02}"
        return form
