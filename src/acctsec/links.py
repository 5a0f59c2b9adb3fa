"""Where the links in messages lead: built from configuration alone, so no request can bend one."""

import re
import unicodedata
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from acctsec.errors import ConfigError
from acctsec.protocols import Message, MessagePurpose

_ORIGIN = re.compile(r"(https?)://([^:/]+|\[::1\])(?::([1-9][0-9]{0,4}))?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_PATH = re.compile(r"/|(?:/[A-Za-z0-9._~-]+)+/?", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_HERE = frozenset({"localhost", "127.0.0.1", "[::1]"})
MAX_HOST = 253  # RFC 1035 section 2.3.4, less the length octets at both ends


class Place(StrEnum):
    """Where in the URL the token stands."""

    FRAGMENT = "fragment"
    QUERY = "query"


def _origin(_: object, __: Any, value: str) -> None:
    found = _ORIGIN.fullmatch(value) if type(value) is str else None
    if found is None or int(found[3] or 0) > 65535:
        message = "origin is no origin: a scheme, a host and perhaps a port, and nothing behind them."
        raise ConfigError(message, remedy='Write it like "https://example.org", in lower case and without a slash at the end.')
    scheme, host = found[1], found[2]
    if host not in _HERE and not _is_name(host):
        message = "The host of origin is no name that every reader of URLs takes for the same host."
        raise ConfigError(message, remedy="Give a DNS name in lower case; one beyond ASCII in its xn-- form.")
    if scheme != "https" and host not in _HERE:
        message = "origin is not https: whoever is on the way would read or change the page that takes the token."
        raise ConfigError(message, remedy="Use https. Plain http is for localhost, 127.0.0.1 and [::1] alone.")


def _is_name(host: str) -> bool:
    """
    Whether a host is a DNS name and nothing else to anybody.

    A last label that begins with a digit makes browsers read an IPv4 address, in forms of their own (``0x7f.1``).
    """
    labels = host.split(".")
    return len(host) <= MAX_HOST and all(map(_is_label, labels)) and not labels[-1][0].isdigit()


def _is_label(label: str) -> bool:
    if not _LABEL.fullmatch(label):
        return False
    if not label.startswith("xn--"):
        return label[2:4] != "--"  # reserved (RFC 5891 section 4.2.3.1)
    try:
        name = label[4:].encode().decode("punycode")
        same = name.encode("punycode").decode() == label[4:]
    except UnicodeError:
        return False
    return same and unicodedata.normalize("NFC", name.lower()) == name


def _path(_: object, attribute: Any, value: str) -> None:
    if type(value) is not str or not _PATH.fullmatch(value) or not {".", ".."}.isdisjoint(value.split("/")):
        message = f"{attribute.name} is no plain path."
        raise ConfigError(message, remedy='Write it like "/account/reset": letters, digits, and ._~- between slashes.')


def _place(given: str) -> Place:
    try:
        return Place(given)
    except ValueError:
        raise ConfigError(f"place is {given!r}.", remedy='Leave it out, or give "query" where somebody must.') from None


@frozen(kw_only=True)
class Links:
    """
    Where links lead: one origin, and a page for each kind of link.

    Args:
        origin: scheme and host, perhaps a port: ``https://example.org``. Only https; http for localhost, 127.0.0.1 and
            ``[::1]``. No default: it is never learned from a request, whose Host header is a stranger's (CVE-2017-8295).
        reset: the page that takes a reset link, also that for a first password. Default ``/reset``.
        unlock: the page that opens what guessing has stopped. Default ``/unlock``; it asks for no password, so it should
            not look like the page that does.
        veto: the page that stops what a notice tells of. Default ``/veto``.
        vouch: the page on which a trusted contact, signed in, agrees that an owner comes back in. Default ``/vouch``.
        verify: the page that takes a link which proves an address. Default ``/verify``.
        place: where the token stands. Default: in the fragment, which reaches no server, log or ``Referer``. ``query`` puts
            it into all of them, into the history that browsers share among devices, and into whatever the page loads from
            elsewhere. It is for pages that must work without JavaScript, and needs ``Referrer-Policy: no-referrer``, logs
            without query strings, and a redirect to a URL without it before anything is shown.

    Raises ConfigError for an origin or a path that two readers of URLs could take for two places: user names, queries,
    fragments, backslashes, percent signs, white space, upper case and everything beyond ASCII, numbers for hosts, dot segments.
    """

    origin: str = field(validator=_origin)
    reset: str = field(default="/reset", validator=_path)
    unlock: str = field(default="/unlock", validator=_path)
    veto: str = field(default="/veto", validator=_path)
    vouch: str = field(default="/vouch", validator=_path)
    verify: str = field(default="/verify", validator=_path)
    place: Place = field(default=Place.FRAGMENT, converter=_place)

    def url(self, message: Message) -> str:
        """
        The URL to put into a message: that of its *link*, or of its *veto*. No message has both.

        Raises ConfigError for a message that has neither, and for a link of a kind that has no page here: its token would be
        shown to the wrong one.
        """
        token = message.link or message.veto
        if token is None or (message.link and message.veto):
            raise ConfigError("This message has no link, or two.", remedy="Ask for `message.link` or `message.veto` first.")
        if not _TOKEN.fullmatch(token):
            raise ConfigError("The link of this message is no token.", remedy="Give the message that `deliver` handed over.")
        page = self._page(message.purpose) if message.link else self.veto
        mark = "#" if self.place is Place.FRAGMENT else "?token="
        return f"{self.origin}{page}{mark}{token}"

    def _page(self, purpose: MessagePurpose) -> str:
        match purpose:
            case MessagePurpose.RESET | MessagePurpose.INITIAL_PASSWORD | MessagePurpose.RECOVERY_LINK:
                return self.reset
            case MessagePurpose.CONTACT_SHARE:
                return self.vouch
            case MessagePurpose.GUESSING_STOPPED:
                return self.unlock
            case MessagePurpose.PROVE_ADDRESS:
                return self.verify
            case _:
                raise ConfigError(f"There is no page for a link of {purpose.value}.", remedy="Upgrade what renders messages.")
