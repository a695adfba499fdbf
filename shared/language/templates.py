"""Jinja templates that speak the language of their reader.

Every rendering gets the reader's `Words` as `words`. In a template, sentences stand between `{% trans %}` and
`{% endtrans %}`, or in `_("...")`; values get into them by name. In HTML a value is escaped, and the sentence is not.
"""

from jinja2 import Environment, pass_context
from jinja2.runtime import Context


def speak(environment: Environment) -> None:
    """Lets the templates of this environment translate. Line breaks in a sentence count as spaces."""
    environment.add_extension("jinja2.ext.i18n")
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        _gettext, _ngettext, newstyle=True, pgettext=_pgettext
    )


@pass_context
def _gettext(context: Context, message: str) -> str:
    text: str = context["words"].translations.gettext(message)
    return text


@pass_context
def _ngettext(context: Context, one: str, many: str, number: int) -> str:
    text: str = context["words"].translations.ngettext(one, many, number)
    return text


@pass_context
def _pgettext(context: Context, meaning: str, message: str) -> str:
    text: str = context["words"].translations.pgettext(meaning, message)
    return text
