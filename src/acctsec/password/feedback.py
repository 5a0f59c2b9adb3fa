"""
From objections to sentences that a person can act on, in their language.

The sentences are gettext catalogues, keyed by code: ``acctsec/locale`` has English and Simplified Chinese.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from attrs import field, frozen

from acctsec.errors import ConfigError
from acctsec.outcomes import Objection
from acctsec.password.codes import Code
from acctsec.password.context import remains
from acctsec.password.weakness import Weakness, explain

if TYPE_CHECKING:
    from gettext import GNUTranslations, NullTranslations

LANGUAGES = ("en", "zh_CN")

# What a sentence counts, where it counts something.
_COUNTED = {Code.TOO_SHORT.value: "missing", Code.BREACHED.value: "count", "ask-length": "minimum", "live-refused": "count"}


def _read_only(given: Mapping[str, int | str]) -> Mapping[str, int | str]:
    return MappingProxyType(dict(given))


@frozen
class Advice:
    """One thing to say: a *code* of ``Code``, ``Weakness`` or ``Said``, the *params* of its sentence, never what was typed."""

    code: str
    params: Mapping[str, int | str] = field(factory=dict, converter=_read_only, hash=False)


def feedback(objections: Iterable[Objection], *, password: str | None = None, words: Sequence[str] = ()) -> tuple[Advice, ...]:
    """
    What to tell the person, in the order of *objections*; ``too-weak`` is followed by the kinds of weakness found.

    Kinds are looked for only then, and only where *password* is given, beside the *words* that ``check`` had. A word of the
    person or the service reads the same as any known name, so nobody learns from the answer what is stored. ``too-short``
    says how many characters are ``missing``; a count of leaks is rounded down to one digit, as exact ones identify a
    password to whoever sees the screen.
    """
    found: dict[Advice, None] = {}
    told = tuple(objections)
    reasons = {one.code for one in told}
    for one in told:
        why = one.code
        found[Advice(why, _params(one))] = None
        if why == Code.TOO_WEAK and password is not None:
            for kind in _kinds(password, words):
                if not (kind is Weakness.NAME_OR_CONTEXT and Code.CONTEXT_WORD in reasons):  # said already
                    found[Advice(kind.value)] = None
    return tuple(found)


@cache
def catalogue(language: str) -> "GNUTranslations":
    """
    The sentences of one of ``LANGUAGES``, read on first use; ``add_fallback`` it to a catalogue of your own.

    Raises ConfigError for another language.
    """
    from gettext import GNUTranslations
    from importlib.resources import files

    if language not in LANGUAGES:
        raise ConfigError(f"There is no catalogue {language!r}.", remedy=f"Take one of {', '.join(LANGUAGES)}, or make your own.")
    with files("acctsec").joinpath(f"locale/{language}/LC_MESSAGES/acctsec.mo").open("rb") as file:
        return GNUTranslations(file)


def message(advice: Advice, translations: "NullTranslations") -> str:
    """The sentence for *advice*; the code of a rule of your own that *translations* has no sentence for."""
    why = advice.code
    counted = advice.params.get(_COUNTED.get(why, ""))
    text = translations.ngettext(why, why, counted) if isinstance(counted, int) else translations.gettext(why)
    return text if text == why else text.format_map(advice.params)


def _kinds(password: str, words: Sequence[str]) -> tuple[Weakness, ...]:
    """The kinds that are found, and first the one that only the forms of *words* show: pinyin, the end of a phone number."""
    found = explain(password, words)
    if Weakness.NAME_OR_CONTEXT in found or remains(password, words) is None:
        return found
    return (Weakness.NAME_OR_CONTEXT, *found)


def _params(objection: Objection) -> dict[str, int | str]:
    why, params = objection.code, dict(objection.params)
    minimum, length, count = (params.get(name) for name in ("minimum", "length", "count"))
    if why == Code.TOO_SHORT and isinstance(minimum, int) and isinstance(length, int):
        params["missing"] = minimum - length
    if why == Code.BREACHED and isinstance(count, int):
        digit = 10 ** (len(str(count)) - 1)
        params["count"] = count // digit * digit
    return params
