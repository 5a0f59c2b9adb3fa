"""Names: what can be a tenant or a subject, and how several of them are given."""

from collections.abc import Iterable

from attrs import Attribute

from acctsec.errors import ConfigError

MAX_NAME_BYTES = 64


def check_name(_: object, attribute: "Attribute[str]", value: str) -> None:
    """An attrs validator: text of at most 64 bytes of UTF-8, so that every token has one length."""
    _check(attribute.name, value)


def check_names(*, tenant: str, subject: str) -> None:
    """Raise ConfigError for what cannot be a tenant or a subject."""
    _check("tenant", tenant)
    _check("subject", subject)


def _check(name: str, value: object) -> None:
    try:
        fits = type(value) is str and len(value.encode()) <= MAX_NAME_BYTES
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise ConfigError(f"The {name} is not text of at most {MAX_NAME_BYTES} bytes.", remedy="Use a short opaque id.")


def names(given: Iterable[str]) -> tuple[str, ...]:
    """An attrs converter: several names. A lone str is a sequence of letters, and never what was meant."""
    if isinstance(given, str | bytes):
        raise ConfigError("A lone text stands where several names are due.", remedy='Give a tuple or a set: {"staff"}.')
    return tuple(given)


def name_set(given: Iterable[str]) -> frozenset[str]:
    """An attrs converter: a set of names."""
    return frozenset(names(given))
