"""What a platform that guards an API writes into the headers of its answers."""

import re
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from acctsec.errors import ConfigError
from acctsec.outcomes import AssuranceLevel, StepUp

ACR: Mapping[AssuranceLevel, str] = MappingProxyType({level: f"aal{level.value}" for level in AssuranceLevel})
"""The names of levels where the platform and its authorization server have agreed on no others."""

_QUOTED = re.compile(r"[ !#-\[\]-~]+", re.ASCII)  # RFC 6750 section 3: no quotes, no backslashes
_NAME = re.compile(r"[!#-\[\]-~]+", re.ASCII)  # the same without the space that parts two names


def step_up_header(
    step_up: StepUp | None = None,
    *,
    acr: AssuranceLevel | None = None,
    max_age: timedelta | None = None,
    realm: str | None = None,
    names: Mapping[AssuranceLevel, str] = ACR,
) -> str:
    """
    The ``WWW-Authenticate`` header of a 401 that asks for a stronger or a more recent sign-in (RFC 9470 section 3).

    *acr* is the lowest level that will do. It stands first in ``acr_values``, the higher ones behind it, as any of the list
    will do and the first is preferred. *max_age* is how long ago the sign-in may be, cut to whole seconds; zero asks for one
    now. *step_up* is both, as an answer of ``authorize`` has it; where that names neither, only a new sign-in helps. *names* are
    the ``acr`` values of your authorization server; a level without one is left out.

    It says what the resource demands, the same for everybody, and nothing about the token that came. Raises ConfigError
    where neither *acr* nor *max_age* is given, for a level that has no name, and for what the header cannot hold.
    """
    if step_up is not None:
        acr, max_age = step_up.acr, step_up.max_age
        max_age = timedelta() if acr is None and max_age is None else max_age
    if acr is None and max_age is None:
        raise ConfigError("The header asks for nothing.", remedy="Give acr, max_age or both.")
    params = {} if realm is None else {"realm": _fitting(realm, _QUOTED, "realm")}
    params["error"] = "insufficient_user_authentication"
    params["error_description"] = _described(acr, max_age)
    if acr is not None:
        params["acr_values"] = _values(acr, names)
    if max_age is not None:
        if type(max_age) is not timedelta or max_age < timedelta():
            raise ConfigError(f"max_age is {max_age!r}.", remedy="Give a timedelta that is not negative.")
        params["max_age"] = str(max_age // timedelta(seconds=1))
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in params.items())


def _described(acr: AssuranceLevel | None, max_age: timedelta | None) -> str:
    if max_age is None:
        return "A stronger sign-in is needed"
    return "A more recent sign-in is needed" if acr is None else "A stronger or more recent sign-in is needed"


def _values(acr: AssuranceLevel, names: Mapping[AssuranceLevel, str]) -> str:
    if acr not in names:
        raise ConfigError(f"There is no name for {acr!r}.", remedy="Name the level in `names`, as the authorization server does.")
    enough = (names[level] for level in AssuranceLevel if level >= acr and level in names)
    return " ".join(dict.fromkeys(_fitting(name, _NAME, "The name of a level") for name in enough))


def _fitting(value: object, wanted: re.Pattern[str], what: str) -> str:
    if type(value) is not str or wanted.fullmatch(value) is None:
        message = f"{what} is not what RFC 6750 section 3 lets a header hold."
        raise ConfigError(message, remedy="Use printable ASCII without quotes and backslashes; names of levels without spaces.")
    return value
