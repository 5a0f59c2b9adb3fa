"""The words around a code that is sent: what it is for, that nobody asks for it, and where alone a browser offers it."""

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from acctsec.errors import ConfigError
from acctsec.protocols import Channel, Message, MessagePurpose

if TYPE_CHECKING:
    from gettext import NullTranslations

MAX_SERVICE = 32
"""Characters of a service's name: one text of 160 characters holds it in every sentence, with a domain of 30."""

_DOMAIN = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.ASCII)


class Worded(StrEnum):
    """What a code is for: keys of the catalogues."""

    SIGN_IN = "code-sign-in"
    SET_UP = "code-set-up"
    RESET = "code-reset"
    ACTION = "code-action"


def worded(message: Message, *, service: str, translations: "NullTranslations", action: str = "", domain: str = "") -> str:
    """
    The text of a message whose purpose is ``factor-code``: a code, what it is for, and never a link.

    *translations* is ``acctsec.password.feedback.catalogue("en")``, or one of your own with it as fallback. *action* is what a
    session wants to do, in the person's words; default is the action's own name. A *domain* ends a text with the line by which
    browsers and phones offer the code on its pages and on no others (``@example.org #123456``, the format of the WICG's
    origin-bound one-time codes). A call has the digits apart.

    Raises ConfigError for another message, for a service of more than 32 characters or that does not print, for what is no
    domain in small letters, and for translations that lack a sentence.
    """
    if message.purpose is not MessagePurpose.FACTOR_CODE or message.code is None:
        raise ConfigError("That is no message with a code for a factor.", remedy="Word the others by their purpose.")
    if type(service) is not str or not 0 < len(service) <= MAX_SERVICE or not service.isprintable():
        raise ConfigError(f"The service has no printable name of up to {MAX_SERVICE} characters.", remedy="Give a short one.")
    if domain and _DOMAIN.fullmatch(domain) is None:
        raise ConfigError("That is no domain.", remedy='Give the host of your pages, such as "example.org".')
    named = {"sign-in": Worded.SIGN_IN, "set-up": Worded.SET_UP, "reset": Worded.RESET}
    which = named.get(message.action, Worded.ACTION)
    text = translations.gettext(which)
    if text == which.value:
        missing = f"The translations have no sentence for {which.value}."
        raise ConfigError(missing, remedy="Take `catalogue` of acctsec.password.feedback, or add it as fallback to your own.")
    code = message.spoken if message.channel is Channel.VOICE else message.code
    said = text.format_map({"code": code, "service": service, "action": action or message.action})
    return f"{said}\n\n@{domain} #{message.code}" if domain and message.channel is Channel.TEXT else said
