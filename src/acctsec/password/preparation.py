"""The one form a password has everywhere: when it is set, verified, judged and looked up."""

from unicodedata import normalize

from acctsec.outcomes import Objection
from acctsec.password.codes import Code

PREPARATION = 1
"""Names the form that ``prepare`` makes. It is stored beside a verifier; another form gets another number."""

AS_TYPED = 0
"""Names no form at all: other systems hashed a password as it was typed."""

# Every space of Unicode (category Zs) but U+0020. Spelt out: the category of a character may change with the Python.
_SPACES = dict.fromkeys([0x00A0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " ")
_CONTROLS = frozenset(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))


def prepare(password: object, *, max_bytes: int = 1024) -> str | Objection:
    """
    Bring a password into its one form, or say why it has none.

    Spaces of every width become U+0020, then Unicode is normalised to NFC (SP 800-63B-4 section 3.1.1.2), so that two
    keyboards that spell one word differently agree. Nothing is trimmed, folded or cut. Doing it twice changes nothing.

    Refused are what is not text, control characters (C interfaces end at a NUL) and more than *max_bytes* of UTF-8.
    Normalising takes time that grows faster than its input, so code points are counted against *max_bytes* first.
    """
    if not isinstance(password, str):
        return Objection(Code.NOT_TEXT.value)
    if str.__len__(password) > max_bytes:
        return Objection(Code.TOO_MANY_BYTES.value, {"max_bytes": max_bytes})
    text = str.__str__(password)  # a subclass could answer otherwise the next time it is asked
    if not text.isascii():
        text = normalize("NFC", text.translate(_SPACES))
        try:
            size = len(text.encode("utf-8"))
        except UnicodeEncodeError:
            return Objection(Code.NOT_TEXT.value)
        if size > max_bytes:
            return Objection(Code.TOO_MANY_BYTES.value, {"max_bytes": max_bytes})
    if not _CONTROLS.isdisjoint(text):
        return Objection(Code.CONTROL_CHARACTER.value)
    return text
