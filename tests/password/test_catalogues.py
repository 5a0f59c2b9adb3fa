"""
Every reason has a sentence in every language, and what is shipped compiled is what is written.

After a change to a catalogue, ``python tests/password/test_catalogues.py`` compiles it.
"""

import re
import struct
from ast import literal_eval
from pathlib import Path

import pytest

from acctsec.mfa.enrolment import Printed
from acctsec.mfa.worded import Worded
from acctsec.password import Code, Said, Weakness
from acctsec.password.feedback import LANGUAGES, Advice, catalogue, message

LOCALE = Path(__file__).parents[2] / "src/acctsec/locale"
KEYS = {*map(str, Code), *map(str, Weakness), *map(str, Said), *map(str, Printed), *map(str, Worded)}
PARAMS = {
    "too-short": {"minimum", "missing"},
    "too-long": {"maximum"},
    "breached": {"count"},
    "too-few-classes": {"minimum"},
    "ask-length": {"minimum"},
    "ask-classes": {"minimum"},
    "live-refused": {"count"},
    "codes-title": {"account", "service"},
    "codes-made": {"made"},
    "codes-purpose": {"service"},
    "codes-count": {"count"},
    "codes-nobody": {"service"},
    "code-sign-in": {"code", "service"},
    "code-set-up": {"code", "service"},
    "code-reset": {"code", "service"},
    "code-action": {"code", "service", "action"},
}
FORMS = {"en": 2, "zh_CN": 1}


def source(language):
    return LOCALE / language / "LC_MESSAGES" / "acctsec.po"


def entries(language):
    """A strict reading of a .po file: from key to its forms; the header has the key ``""``."""
    found = {}
    for block in source(language).read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        key = literal_eval(re.fullmatch(r'msgid (".*")', lines.pop(0))[1])
        plural = bool(lines) and lines[0].startswith("msgid_plural ")
        if plural:
            assert literal_eval(lines.pop(0).removeprefix("msgid_plural ")) == key
        forms = []
        for line in lines:
            start = re.fullmatch(r'msgstr(?:\[(\d)\])? (".*")', line)
            if start is None:
                forms[-1] += literal_eval(line)
            else:
                assert start[1] == (str(len(forms)) if plural else None)
                forms.append(literal_eval(start[2]))
        assert key not in found and forms
        found[key] = (plural, tuple(forms))
    return found


def compiled(language):
    """The .mo file: sorted keys, no hash table, as the format's manual describes it."""
    texts = sorted(
        ((f"{key}\0{key}" if plural else key).encode(), "\0".join(forms).encode())
        for key, (plural, forms) in entries(language).items()
    )
    size, start = len(texts), 28 + 16 * len(texts)
    tables, data = [], b""
    for column in (0, 1):
        for text in texts:
            tables += [len(text[column]), start + len(data)]
            data += text[column] + b"\0"
    return struct.pack(f"<7I{len(tables)}I", 0x950412DE, 0, size, 28, 28 + 8 * size, 0, 28 + 16 * size, *tables) + data


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shipped_catalogue_is_the_written_one(language):
    assert source(language).with_suffix(".mo").read_bytes() == compiled(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_a_sentence_and_no_other_has(language):
    found = entries(language)

    assert found.keys() - {""} == KEYS
    assert all(text.strip() == text and text.endswith((".", "。")) for key, (_, forms) in found.items() if key for text in forms)


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_name_the_params_of_their_code(language):
    for key, (_, forms) in entries(language).items():
        assert set(re.findall(r"{(\w+)}", forms[-1])) == PARAMS.get(key, set()), key
        assert all(set(re.findall(r"{(\w+)}", form)) <= PARAMS.get(key, set()) for form in forms)


@pytest.mark.parametrize("language", LANGUAGES)
def test_counted_sentences_have_the_plural_forms_of_their_language(language):
    found = entries(language)

    assert {key for key, (plural, _) in found.items() if plural} == {
        "too-short",
        "breached",
        "ask-length",
        "live-refused",
        "codes-count",
    }
    assert all(len(forms) == (FORMS[language] if plural else 1) for plural, forms in found.values())
    assert f"nplurals={FORMS[language]};" in found[""][1][0]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [0, 1, 2, 5, 21, 101])
def test_the_form_that_is_read_is_the_languages(language, count):
    _, forms = entries(language)["too-short"]
    expected = forms[0] if count == 1 else forms[-1]
    params = {"minimum": 15, "length": 15 - count, "missing": count}

    assert message(Advice("too-short", params), catalogue(language)) == expected.format_map(params)


if __name__ == "__main__":
    for one in LANGUAGES:
        source(one).with_suffix(".mo").write_bytes(compiled(one))
