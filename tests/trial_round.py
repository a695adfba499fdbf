"""A kind of round that only tests know, in the middle of a cycle, added as CONTRIBUTING.md tells."""

import contextlib
from collections.abc import Iterator

from jinja2 import BaseLoader, ChoiceLoader, DictLoader, Environment

from services.console import pages
from services.console.forms import registry
from services.console.forms.survey import SurveyPage
from services.feedback.models import SurveyResponse
from services.feedback.store.answers import ANSWER_TABLES
from services.notifications.rules import rendering
from shared.contracts.base import Service
from shared.contracts.notifications import Template
from shared.contracts.round_kinds import DECLARATIONS, RoundKindDeclaration, declare
from shared.contracts.rounds import RoundKind

TRIAL = RoundKind.add("trial")
DECLARATION = RoundKindDeclaration(
    kind=TRIAL,
    owner=Service.FEEDBACK,
    path="/trials",
    invitation=Template.add("trial_invitation"),
    reminder=Template.add("trial_reminder"),
)
TEXT = """{% extends "base.txt.j2" %}
{% block subject %}A quick trial in {{ program_name }}{% endblock %}
{% block body %}
Half of the time is over. Tell us how it goes: {{ link }}
{% endblock %}
"""
HTML = """{% extends "base.html.j2" %}
{% block body %}<p>Half of the time is over. <a href="{{ link }}">Tell us how it goes</a></p>{% endblock %}
"""
MESSAGES = {
    f"{template.value}.{ending}": text
    for template in (DECLARATION.invitation, DECLARATION.reminder)
    for ending, text in (("txt.j2", TEXT), ("html.j2", HTML))
}


class TrialPage(SurveyPage):
    """The survey's questions, in the middle of a cycle."""

    kind = TRIAL
    title = "Trial"
    template = "trial.html"


PAGE = {"trial.html": '{% extends "survey.html" %}\n{% block title %}Trial{% endblock %}\n'}


@contextlib.contextmanager
def declared_trial() -> Iterator[RoundKind]:
    """While it lasts, Upward knows rounds of the kind `trial`."""
    with contextlib.ExitStack() as undone:
        declare(DECLARATION)
        undone.callback(DECLARATIONS.pop, TRIAL)
        ANSWER_TABLES[TRIAL] = SurveyResponse
        undone.callback(ANSWER_TABLES.pop, TRIAL)
        registry.register(TrialPage())
        undone.callback(registry.QUESTIONNAIRES.pop, TRIAL)
        undone.enter_context(_more_files(rendering.ENVIRONMENT, MESSAGES))
        undone.enter_context(_more_files(pages.ENVIRONMENT, PAGE))
        yield TRIAL


@contextlib.contextmanager
def _more_files(environment: Environment, files: dict[str, str]) -> Iterator[None]:
    """What stands in files of the services' folders for a kind of the product."""
    loader = environment.loader
    assert isinstance(loader, BaseLoader)
    environment.loader = ChoiceLoader([loader, DictLoader(files)])
    try:
        yield
    finally:
        environment.loader = loader
