"""
What a platform answers under ``/.well-known/``, so that browsers and password managers find its pages.

Pure functions of configuration: call them once at start, and serve what they give to everybody alike, signed in or not.
"""

import json
import re
from collections.abc import Iterable

from attrs import frozen

from acctsec.errors import ConfigError
from acctsec.links import Links

CHANGE_PASSWORD = "/.well-known/change-password"  # noqa: S105 - a path
"""Where password managers look for the page on which a password is changed: answer `change_password`."""
PASSKEY_ENDPOINTS = "/.well-known/passkey-endpoints"
"""Where password managers look for the pages on which passkeys are made and managed: answer `passkey_endpoints`."""
RELATED_ORIGINS = "/.well-known/webauthn"
"""Where browsers look for the origins that share the passkeys of a domain: answer `related_origins`."""
NOTHING = "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200"
"""
Where nothing may be: answer 404.

Password managers ask for it first (W3C, "Detecting the reliability of HTTP status codes"). A site that answers 200 to every
path, as applications of one page do, gets no link to its change-password page.
"""

MAX_URL = 2048
MAX_ORIGINS = 100
MAX_LABELS = 5  # WebAuthn level 3 section 5.11.1: browsers take at least five, and those that exist take no more

_URL = re.compile(r"(https://[^/?#]*)([!-~]*)", re.ASCII)
_REST = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})*(?:\?[^#]*)?(?:#[^#]*)?", re.ASCII)
_PARTS = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?#-]|%[0-9A-F]{2})*", re.ASCII)
# Second labels under which countries register names: enough to count as browsers do, which know the whole list.
_SHARED = frozenset(["ac", "co", "com", "edu", "gob", "gov", "gv", "ltd", "me", "ne", "net", "nom", "or", "org", "plc", "sch"])


@frozen(kw_only=True)
class Redirect:
    """Answer with this *status* and a ``Location`` header, with no body."""

    status: int
    location: str


@frozen(kw_only=True)
class Document:
    """Answer 200 with this *body* and its *media_type* as ``Content-Type``; never with a redirect."""

    media_type: str
    body: bytes


def change_password(url: str) -> Redirect:
    """
    What ``GET /.well-known/change-password`` answers: a redirect to the page where people change their password.

    302, one of the three that the W3C's "A Well-Known URL for Changing Passwords" names (302, 303, 307): it is not
    kept, so the page can move. *url* is absolute, https, and holds nothing of a person: it is the same for everybody. The page
    itself asks who is not signed in to do so. The platform must also answer 404 at ``NOTHING``.

    Raises ConfigError for a URL that is not https, or that two readers could take for two places.
    """
    return Redirect(status=302, location=_checked(url, "url"))


def passkey_endpoints(*, enroll: str | None = None, manage: str | None = None, prf_usage_details: str | None = None) -> Document:
    """
    What ``GET /.well-known/passkey-endpoints`` answers at the RP ID: where people make passkeys and where they manage them.

    After the W3C Working Draft "A Well-Known URL for Relying Party Passkey Endpoints" of 2026-01-14. Every member is
    optional: none at all says that passkeys work here. *prf_usage_details* is a page that tells what the PRF extension is used
    for, so that nobody deletes a passkey that encrypts.

    Raises ConfigError as ``change_password`` does.
    """
    members = {"enroll": enroll, "manage": manage, "prfUsageDetails": prf_usage_details}
    return _document({name: _checked(url, name) for name, url in members.items() if url is not None})


def related_origins(origins: Iterable[str]) -> Document:
    """
    What ``GET /.well-known/webauthn`` answers at the RP ID: the *origins* on other names that may use its passkeys.

    Every one of them can ask for a sign-in with these passkeys: list only what is as well guarded as the RP ID itself.
    Browsers walk the list in order and silently pass over every name beyond the fifth (WebAuthn level 3 section 5.11.1), so
    more are refused here. A name is the label before the public suffix: ``shop.example.co.uk`` and ``example.de`` are one.
    Countries' usual second labels are known here, the rest of the public suffix list is not: below ``github.io``
    and its like browsers count more names than this does.

    Raises ConfigError for none, for more than five names or 100 origins, for doubles, and for what is no https origin.
    """
    given = (origins,) if isinstance(origins, str) else tuple(origins)
    if not 0 < len(given) <= MAX_ORIGINS or len(set(given)) != len(given):
        raise ConfigError(f"Not 1 to {MAX_ORIGINS} different origins.", remedy="List each origin once; serve nothing for none.")
    for origin in given:
        Links(origin=origin)
        if not origin.startswith("https://"):
            raise ConfigError("An origin is not https.", remedy='Write it like "https://example.org".')
    names = {_name(origin) for origin in given}
    if len(names) > MAX_LABELS:
        message = f"These origins have {len(names)} names; browsers pass over all but the first {MAX_LABELS}."
        raise ConfigError(message, remedy="Keep the names to five, or let the other sites send people to the RP ID to sign in.")
    return _document({"origins": list(given)})


def _checked(url: object, name: str) -> str:
    found = _URL.fullmatch(url) if type(url) is str and len(url) <= MAX_URL else None
    if found is None:
        message = f"{name} is no absolute https URL of at most {MAX_URL} printable ASCII characters."
        raise ConfigError(message, remedy='Write it like "https://example.org/settings/password".')
    Links(origin=found[1])
    rest = found[2] or "/"
    path = re.split("[?#]", rest)[0]
    dots = {part.replace("%2E", ".") for part in path.split("/")}
    if _REST.fullmatch(rest) is None or _PARTS.fullmatch(rest) is None or not {".", ".."}.isdisjoint(dots):
        message = f"What stands behind the host of {name} is no plain path, query and fragment."
        raise ConfigError(message, remedy="Percent-encode what is not plain, in upper-case hex, and leave out dot segments.")
    return f"{found[1]}{rest}"


def _name(origin: str) -> str:
    """The label that an origin is registered under, as far as that can be told without the public suffix list."""
    labels = origin.removeprefix("https://").partition(":")[0].split(".")
    suffix = 2 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SHARED else 1
    return labels[-1 - suffix] if len(labels) > suffix else labels[0]


def _document(members: dict[str, str] | dict[str, list[str]]) -> Document:
    return Document(media_type="application/json", body=json.dumps(members, separators=(",", ":")).encode())
