"""Every password has one form, whoever typed it, or none."""

import time
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.outcomes import Objection
from acctsec.password import PREPARATION, preparation, prepare

ANY_TEXT = st.text(st.characters(exclude_categories=()))
THINGS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.binary(), st.lists(ANY_TEXT), st.builds(object))


@given(THINGS)
def test_what_is_not_text_has_no_form(thing):
    assert prepare(thing) == Objection("not-text")


@given(ANY_TEXT)
def test_every_str_has_a_form_or_an_objection(text):
    result = prepare(text)

    assert isinstance(result, str | Objection)
    if isinstance(result, Objection):
        assert result.code in {"not-text", "control-character", "too-many-bytes"}


@given(ANY_TEXT)
def test_preparing_twice_changes_nothing(text):
    once = prepare(text)

    if isinstance(once, str):
        assert prepare(once) == once


@given(st.text(max_size=256))
def test_two_spellings_of_one_text_agree(text):
    assert prepare(normalize("NFD", text)) == prepare(normalize("NFC", text)) == prepare(text)


@pytest.mark.parametrize("space", "\u00a0\u1680\u2000\u2003\u200a\u202f\u205f\u3000")
def test_spaces_of_every_width_are_one(space):
    assert prepare(f"a{space}b") == "a b"


@pytest.mark.parametrize(
    "password", [" padded ", "tab-free", "ﬁve", "ＡＢＣ", "❤️", "👩‍👩‍👧", "a\u200cb", "\U0001fae9", "ПАРОЛЬ", "ß"]
)
def test_nothing_is_trimmed_folded_or_refused_for_being_unusual(password):
    assert prepare(password) == password


@pytest.mark.parametrize("control", [*range(0x20), *range(0x7F, 0xA0)])
def test_control_characters_are_refused(control):
    assert prepare(f"correct horse{chr(control)}battery") == Objection("control-character")
    assert prepare(f"соrrect ho\u0301rse{chr(control)}battery") == Objection("control-character")


@pytest.mark.parametrize("password", ["\ud800", "\udfffabc", "a\ud83d", "é\udc80"])
def test_lone_surrogates_are_not_text(password):
    assert prepare(password) == Objection("not-text")


@pytest.mark.parametrize(("character", "fits"), [("a", 1024), ("é", 512), ("€", 341), ("😀", 256)])
def test_the_limit_is_counted_in_bytes(character, fits):
    assert prepare(character * fits) == character * fits
    assert prepare(character * (fits + 1)) == Objection("too-many-bytes", {"max_bytes": 1024})


def test_the_limit_counts_the_form_not_what_was_typed():
    decomposed = "e\u0301" * 400  # 1,200 bytes as typed, 800 as kept

    assert prepare(decomposed) == "é" * 400


def test_a_form_that_grows_is_counted_as_it_grew():
    grows = "\U0001d160" * 200  # 800 bytes as typed, three times that when composed: excluded from composition

    assert prepare(grows) == Objection("too-many-bytes", {"max_bytes": 1024})


def test_what_is_too_long_is_not_normalised(monkeypatch):
    monkeypatch.setattr(preparation, "normalize", None)

    assert prepare("é" * 1025) == Objection("too-many-bytes", {"max_bytes": 1024})


def test_a_subclass_is_taken_at_its_characters():
    class Liar(str):
        __slots__ = ()

        def __len__(self):
            return 1

        def __str__(self):
            return "other"

        def isascii(self):
            return True

    assert prepare(Liar("x" * 2000)) == Objection("too-many-bytes", {"max_bytes": 1024})
    assert prepare(Liar("hel\0lo")) == Objection("control-character")
    assert type(prepare(Liar("hello"))) is str
    assert prepare(Liar("hello")) == "hello"


@pytest.mark.parametrize("marks", ["\u0301\u0316", "\u0301", "\u05b0\u0301\u0316\u0345"])
def test_the_worst_text_to_normalise_is_cheap(marks):
    text = "a" + (marks * 1024)[:1023]
    best = min(_cpu(text) for _ in range(5))

    assert best < 0.05


def _cpu(text):
    started = time.thread_time()
    prepare(text)
    return time.thread_time() - started


def test_the_form_has_a_number():
    """It is stored beside verifiers: a change of the form is a new number, never a new meaning of this one."""
    assert PREPARATION == 1
