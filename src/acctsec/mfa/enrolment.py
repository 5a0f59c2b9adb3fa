"""
What people hold in their hands when a factor is set up: a picture for the phone's camera, and a sheet of recovery codes.

All of it is made from secrets and holds them. Put it into the body of the one page that shows it, with
``Cache-Control: no-store``, and nowhere else: no URL, no log, no mail.
"""

import re
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from acctsec.errors import ConfigError
from acctsec.mfa import recovery

if TYPE_CHECKING:
    from gettext import NullTranslations

QUIET = 4  # modules of light around the picture (ISO/IEC 18004)
PIXELS = 4  # a side of one module, where no style sheet says otherwise
MAX_URI = 2331  # bytes in the largest picture of level M (ISO/IEC 18004)
MAX_CODES = 100
MAX_NAME = 320  # characters of an account's name: the longest address of mail
MAX_TITLE = 200

_URI = re.compile(r"otpauth://[!-~]+", re.ASCII)
# Black on white of the fixed part of the 256 colours, which no theme of a terminal turns around.
_INK, _PLAIN = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
_BLOCKS = {(True, True): "\u2588", (True, False): "\u2580", (False, True): "\u2584", (False, False): " "}


class Printed(StrEnum):
    """The sentences of a printed sheet: keys of the catalogues, in the order in which they are read."""

    TITLE = "codes-title"
    MADE = "codes-made"
    PURPOSE = "codes-purpose"
    COUNT = "codes-count"
    REPLACE = "codes-replace"
    KEEP = "codes-keep"
    NOBODY = "codes-nobody"


def qr_svg(uri: str, *, title: str, description: str = "") -> str:
    """
    The QR picture of ``EnrollmentStarted.uri`` as one ``<svg>`` element to write into a page. It holds the secret.

    *title* and *description* are what a screen reader says, in the person's language; say that the key stands beside the
    picture as text, for whoever cannot scan. The picture refers to nothing: no id, style, class, script, font or file. So two
    fit on a page, and the strictest Content-Security-Policy shows it. It is dark on light with its own ground and quiet zone
    of four modules, also in dark mode, as many readers cannot read it the other way round. The same URI is the same picture.

    Errors are corrected at level M, or higher where that makes it no larger. A screen gets neither torn nor dirty, so Q and H
    only make the modules smaller: the usual URI takes 41 modules a side at M and 53 at H. L saves 4 and leaves nothing for
    the reflection of a lamp.

    Needs the extra ``qr``. Raises ConfigError without it, for what is no otpauth URI, for one of more than 2331 bytes, and for
    a title that is empty or does not print.
    """
    for text in (title, description or title):
        if type(text) is not str or not 0 < len(text) <= MAX_TITLE or not text.isprintable():
            message = f"A title or description is not printable text of 1 to {MAX_TITLE} characters."
            raise ConfigError(message, remedy='Say shortly what the picture is for, such as "QR code for your app".')
    rows = _modules(uri)
    side, path = len(rows), []
    for y, row in enumerate(rows):
        x = 0
        for dark, run in groupby(row):
            wide = len(list(run))
            path += [f"M{x} {y}h{wide}v1h-{wide}z"] if dark else []
            x += wide
    described = f"<desc>{escape(description)}</desc>" if description else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(title)}" viewBox="0 0 {side} {side}"'
        f' width="{side * PIXELS}" height="{side * PIXELS}" shape-rendering="crispEdges">'
        f"<title>{escape(title)}</title>{described}"
        f'<rect width="{side}" height="{side}" fill="#fff"/><path d="{"".join(path)}" fill="#000"/></svg>'
    )


def qr_text(uri: str) -> str:
    """
    The QR picture of ``EnrollmentStarted.uri`` for a terminal, two rows a line, no line end behind it. It holds the secret.

    Half blocks and escapes for 256 colours: black on white whatever the terminal's theme, so a phone reads it. The usual URI
    takes 49 columns and 25 lines. Raises ConfigError as ``qr_svg`` does.
    """
    rows = _modules(uri)
    rows += [[False] * len(rows)] * (len(rows) % 2)
    lines = ("".join(_BLOCKS[pair] for pair in zip(*two, strict=True)) for two in zip(rows[::2], rows[1::2], strict=True))
    return "\n".join(f"{_INK}{line}{_PLAIN}" for line in lines)


def printable(codes: Sequence[str], *, service: str, account: str, made: date, translations: "NullTranslations") -> str:
    """
    The sheet of ``RecoveryCodes.codes`` as plain text to print or save: what they are for, and each with a box to tick.

    *translations* is ``acctsec.password.feedback.catalogue("en")``, or one of your own with it as fallback. *account* is what
    tells one sheet from another when several lie in a drawer; what does not print is left out of it, so that a name cannot
    make lines of its own. Offer the text in a page that is not cached; it must not be mailed, as the mailbox is what many
    codes are a second proof beside.

    Raises ConfigError for codes that are none, for none or more than 100, for a service that does not print and for
    translations that lack a sentence.
    """
    given = tuple(codes)
    if not 0 < len(given) <= MAX_CODES or not all(map(recovery.is_code, given)):
        raise ConfigError("These are no recovery codes.", remedy="Give `RecoveryCodes.codes` as `issue_recovery_codes` answered.")
    if type(service) is not str or not 0 < len(service) <= MAX_TITLE or not service.isprintable():
        raise ConfigError(
            "The service has no printable name.", remedy="Give the name that people know, such as `MfaPolicy.issuer`."
        )
    whose = "".join(char for char in str(account)[:MAX_NAME] if char.isprintable())
    params: dict[str, str | int] = {"service": service, "account": whose, "made": made.strftime("%Y-%m-%d"), "count": len(given)}
    title, *said = (_sentence(one, params, translations) for one in Printed)
    return "\n".join([title, "", *said, "", *_columns(given), ""])


def _sentence(which: Printed, params: dict[str, str | int], translations: "NullTranslations") -> str:
    count = params["count"]
    text = translations.ngettext(which, which, int(count)) if which is Printed.COUNT else translations.gettext(which)
    if text == which.value:
        message = f"The translations have no sentence for {which.value}."
        raise ConfigError(message, remedy="Take `catalogue` of acctsec.password.feedback, or add it as fallback to your own.")
    return text.format_map(params)


def _columns(codes: tuple[str, ...]) -> list[str]:
    """Numbered down the left column, then down the right one."""
    cells = [f"[ ] {number:>{len(str(len(codes)))}}. {each}" for number, each in enumerate(codes, 1)]
    half = (len(cells) + 1) // 2
    return [f"{left}    {right}".rstrip() for left, right in zip(cells[:half], [*cells[half:], ""], strict=False)]


def _modules(uri: object) -> list[list[bool]]:
    """The dark modules of a picture, row by row, its quiet zone around them."""
    if type(uri) is not str or len(uri) > MAX_URI or _URI.fullmatch(uri) is None:
        message = f"That is no otpauth URI of at most {MAX_URI} bytes."
        raise ConfigError(message, remedy="Give `EnrollmentStarted.uri`; where the name is too long, show its `key` alone.")
    try:
        import segno
    except ImportError:
        raise ConfigError("segno is not installed.", remedy="Run `pip install 'acctsec[qr]'`.") from None
    # Authenticator apps read no Micro QR.
    return [[bool(cell) for cell in row] for row in segno.make(uri, micro=False, error="m").matrix_iter(border=QUIET)]
