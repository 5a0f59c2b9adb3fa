"""One canonical form, idempotent over all of Unicode, the same for every spelling of one identifier."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.identifiers import IdentifierKind, canonical


@given(st.text(max_size=80))
def test_canonical_is_idempotent(typed):
    once = canonical(typed)
    if once is not None:
        assert canonical(once.value) == once


def test_canonical_is_idempotent_for_every_code_point_beside_a_letter():
    for point in range(sys.maxunicode + 1):
        once = canonical(f"a{chr(point)}b")
        if once is not None and point not in range(0xD800, 0xE000):
            assert canonical(once.value) == once, hex(point)


@given(st.text(max_size=40))
def test_case_and_composition_make_no_difference(typed):
    forms = {canonical(form(typed)) for form in (str.swapcase, lambda t: unicodedata.normalize("NFD", t))}
    if canonical(typed) is not None and typed.casefold() == typed.swapcase().casefold():
        assert forms == {canonical(typed)}


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("Bob@Example.COM", "bob@example.com"),
        ("  bob@example.com\n", "bob@example.com"),
        ("ＢＯＢ@example.com", "bob@example.com"),
        ("bob@EXÄMPLE.com", "bob@xn--exmple-cua.com"),
        ("BigBird", "bigbird"),
        ("ᴮᴵᴳᴮᴵᴿᴰ", "bigbird"),
        ("+44 (20) 7946-0958", "+442079460958"),
        ("Straße", "strasse"),
    ],
)
def test_spellings_come_to_one_form(typed, value):
    assert canonical(typed).value == value


@pytest.mark.parametrize(
    "typed",
    [
        None,
        0,
        True,
        b"bob",
        [],
        ["bob@example.com"],
        "",
        "   ",
        "a" * 255,
        "\N{CYRILLIC SMALL LETTER A}" * 200,
        "bob\x00",
        "bob\nbcc:x",
        "bob\N{RIGHT-TO-LEFT OVERRIDE}",
        "bob\N{ZERO WIDTH SPACE}",
        "bob\ud800",
        "a@b@c",
        "@example.com",
        "bob@",
        '"e@evil"@victim.com',
        "bob@example.com,eve@evil.com",
        "bob@example.com<eve>",
        "bob＠example.com",
        "bob@exa mple.com",
        "x" * 65 + "@example.com",
        "+12",
        "+1x5551234",
    ],
)
def test_what_can_be_nobodys_identifier_is_none(typed):
    assert canonical(typed) is None


def test_a_dotless_i_is_another_name():
    assert canonical("m\N{LATIN SMALL LETTER DOTLESS I}ke@example.com") != canonical("mike@example.com")


def test_kinds_do_not_overlap():
    kinds = {canonical(typed).kind for typed in ("bob@example.com", "+4420794609", "bob")}
    assert kinds == set(IdentifierKind)
