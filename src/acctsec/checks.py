"""Validators of policy fields: what cannot be right is refused at construction, by name and with the way out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from acctsec.errors import ConfigError

Validator = Callable[[Any, Any, Any], None]

DECADE = timedelta(days=3653)


def length(least: timedelta = timedelta(microseconds=1), most: timedelta = DECADE) -> Validator:
    """A timedelta from *least* to *most*; nothing here lasts longer than ten years."""

    def check(_: object, attribute: Any, value: object) -> None:
        if type(value) is not timedelta or not least <= value <= most:
            raise ConfigError(f"{attribute.name} is {_shown(value)}.", remedy=f"Give a timedelta from {least} to {most}.")

    return check


def whole(least: int, most: int) -> Validator:
    """A whole number from *least* to *most*; True and False are none."""

    def check(_: object, attribute: Any, value: object) -> None:
        if type(value) is not int or not least <= value <= most:
            raise ConfigError(f"{attribute.name} is {_shown(value)}.", remedy=f"Give a whole number from {least} to {most}.")

    return check


def kind(wanted: type) -> Validator:
    """A value of one class."""

    def check(_: object, attribute: Any, value: object) -> None:
        if not isinstance(value, wanted):
            raise ConfigError(f"{attribute.name} is {_shown(value)}.", remedy=f"Give {_article(wanted.__name__)}.")

    return check


def text(most: int = 64) -> Validator:
    """Printable text of one to *most* characters."""

    def check(_: object, attribute: Any, value: object) -> None:
        if type(value) is not str or not 0 < len(value) <= most or not value.isprintable():
            message = f"{attribute.name} is not printable text of 1 to {most} characters."
            raise ConfigError(message, remedy="Give a short name.")

    return check


def _shown(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return f"{_article(type(value).__name__)} too long to show"


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def proportion(_: object, attribute: Any, value: object) -> None:
    """Refuse what is no number from 0 to 1."""
    if type(value) not in {int, float} or not 0 <= value <= 1:  # type: ignore[operator]
        raise ConfigError(f"{attribute.name} is {_shown(value)}.", remedy="Give the proportion of accounts, from 0 to 1.")
