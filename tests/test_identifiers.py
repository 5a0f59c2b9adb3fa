"""One canonical form, idempotent over all of Unicode, the same for every spelling of one identifier."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec import ConfigError, MessagePurpose, Refused
from acctsec._scripts import scripts_of
from acctsec.identifiers import (
    Identifier,
    IdentifierKind,
    Likeness,
    NameObjection,
    _prototypes,
    canonical,
    likeness,
    objection,
    skeleton,
)
from acctsec.testing.world import PASSWORD, world


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


# --- aliases ---

ALIASES = (
    "alice@example.org",
    "a.lice@example.org",
    "alice+news@example.org",
    "alice-news@example.org",
    "alice@mail.example.org",
)


def test_an_alias_of_some_provider_is_another_identifier():
    assert len({canonical(one) for one in ALIASES}) == len(ALIASES)
    assert canonical("O'Brien+X@Example.org").value == "o'brien+x@example.org"


def test_what_is_stored_is_what_counts():
    """No alias finds an account that is not stored under it, and each that is stored gets its own mail."""
    w = world()
    w.sign_up("u1", ALIASES[0])
    for typed in ALIASES[1:]:
        w.engine.request_reset(typed, context=w.context())
        assert w.engine.sign_in(typed, PASSWORD, context=w.context()) == Refused()
    w.deliver()
    assert w.messenger.of(MessagePurpose.RESET) == []
    for number, typed in enumerate(ALIASES[1:], 2):
        w.sign_up(f"u{number}", typed)
        w.engine.request_reset(typed, context=w.context(f"198.51.100.{number}"))
    w.deliver()
    assert [one.address for one in w.messenger.of(MessagePurpose.RESET)] == list(ALIASES[1:])


# --- look-alikes ---


@pytest.mark.parametrize(
    "name",
    [
        "alice",
        "été",
        "e\u0301t\u00e9",
        "иван",
        "Привет123",
        "ελληνικά",
        "محمد١٢٣",
        "ދިވެހި١",
        "नमस्ते१",
        "東京tokyo",
        "東京とうきょうタワーtokyo",
        "コーヒー",
        "珈琲ー",
        "김철수kim",
        "한글漢字",
        "ㄅㄆ漢a",
        "bob smith-jones.3",
        "+442079460958",
        "иван@example.com",
        "ivan@почта.рф",
        "ivan@xn--80ak6aa92e.com",
    ],
)
def test_a_name_that_people_write_meets_no_objection(name):
    assert objection(canonical(name)) is None


@pytest.mark.parametrize(
    "name",
    [
        "\u0440\u0430\u0443\u0440\u0430l",
        "ivan-\u0438\u0432\u0430\u043d",
        "\u0438\u0432\u0430n@example.com",
        "ivan@ex\u0430mple.com",
        "a\u0663",
        "\u3105\u304b",
        "\u3072\ud55c",
        "\u03b1\u0430",
        "\u04cfatin",
        "o\u0585",
    ],
)
def test_a_name_of_several_scripts_is_objected_to(name):
    assert objection(canonical(name)) is NameObjection.MIXED_SCRIPTS


@pytest.mark.parametrize("unseen", "\u034f\u115f\u1160\u3164\uffa0\u180b\u2800\ufe0f\U000e0100")
def test_a_name_with_something_that_nobody_sees_is_objected_to(unseen):
    assert objection(canonical(f"bo{unseen}b")) is NameObjection.INVISIBLE


def test_over_all_of_unicode_latin_goes_with_what_has_no_script_and_with_what_is_written_beside_it():
    """A letter of a script that is not one of East Asia never stands beside a Latin one; a lone one always may."""
    for point in range(sys.maxunicode + 1):
        alone, beside = canonical(chr(point)), canonical(f"a{chr(point)}b")
        if alone is not None and len(alone.value) == 1:
            assert objection(alone) is not NameObjection.MIXED_SCRIPTS, hex(point)
        if beside is not None and objection(beside) is None:
            scripts = {scripts_of(char) for char in beside.value}
            assert all(each <= {"LATIN", "HAN", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"} for each in scripts), hex(point)


@given(st.text(max_size=30))
def test_any_name_is_judged_and_the_order_of_its_letters_makes_no_difference(typed):
    name = canonical(typed)
    if name is not None and name.kind is IdentifierKind.NAME:
        turned = Identifier(IdentifierKind.NAME, name.value[::-1])
        assert objection(name) == objection(turned)


@given(st.text(max_size=12), st.text(max_size=12))
def test_what_is_objected_to_alone_is_objected_to_in_a_longer_name(one, more):
    name, longer = canonical(f"x{one}"), canonical(f"x{one}{more}y")
    if name is None or longer is None or IdentifierKind.NAME is not name.kind is not longer.kind:
        return
    if objection(name) and longer.value.startswith(name.value):
        assert objection(longer)


def test_scripts_by_name_agree_with_the_table_of_unicode():
    """For each letter, mark and digit that an identifier can hold; the library has Scripts.txt."""
    from confusable_homoglyphs.categories import alias

    names = {"PHAGS-PA": "PHAGS_PA", "CYPRO-MINOAN": "CYPRO_MINOAN", "AEGEAN": "COMMON"}
    for point in range(sys.maxunicode + 1):
        name = canonical(f"x{chr(point)}")
        for char in name.value[1:] if name else ():
            theirs, ours = alias(char), scripts_of(char)
            if unicodedata.category(char)[0] in "LN" and theirs not in {"COMMON", "INHERITED", "UNKNOWN"}:
                known = ours or unicodedata.name(char).split()[0] in {"MODIFIER", "VEDIC", "NORTH"}
                assert known, hex(ord(char))
                assert not ours or any(theirs.startswith(names.get(each, each)) or each == "OLD" for each in ours), hex(ord(char))


ALIKE = [
    ("paypal", "\u0440\u0430\u0443\u0440\u0430l", Likeness.ACROSS_SCRIPTS),
    ("scope", "\u0455\u0441\u043e\u0440\u0435", Likeness.ACROSS_SCRIPTS),
    ("o", "\u03bf", Likeness.ACROSS_SCRIPTS),
    ("\u30ab", "\u529b", Likeness.ACROSS_SCRIPTS),
    ("bob@example.com", "bob@ex\u0430mple.com", Likeness.ACROSS_SCRIPTS),
    ("lo", "\u0661\u0665", Likeness.ACROSS_SCRIPTS),  # right to left
    ("modern", "modem", Likeness.SAME_SCRIPT),
    ("bill", "bi11", Likeness.SAME_SCRIPT),
    ("Straße", "strasse", Likeness.SAME_SCRIPT),
    ("bo\ufe0fb", "bob", Likeness.SAME_SCRIPT),
    ("bob", "bob", Likeness.SAME_SCRIPT),
    ("alice", "alicia", Likeness.DIFFERENT),
    ("\u03b1\u03bb\u03c6\u03b1", "alpha", Likeness.DIFFERENT),
    ("b.ob@example.com", "bob@example.com", Likeness.DIFFERENT),
    ("a@b.c.example", "a@b.cexample", Likeness.DIFFERENT),
]


@pytest.mark.parametrize(("one", "other", "expected"), ALIKE)
def test_what_looks_alike_has_one_skeleton(one, other, expected):
    one, other = canonical(one), canonical(other)
    assert likeness(one, other) is likeness(other, one) is expected
    assert (skeleton(one) == skeleton(other)) == (expected is not Likeness.DIFFERENT)


def test_over_all_of_unicode_a_skeleton_is_its_own():
    for point in range(sys.maxunicode + 1):
        name = canonical(f"x{chr(point)}y")
        if name is not None and name.kind is IdentifierKind.NAME:
            once = skeleton(name)
            assert skeleton(Identifier(IdentifierKind.NAME, once)) == once, hex(point)


@given(st.text(max_size=30), st.text(max_size=30))
def test_likeness_is_symmetric_and_of_any_name_to_itself(one, other):
    one, other = canonical(one), canonical(other)
    if one is not None:
        assert likeness(one, one) is Likeness.SAME_SCRIPT
        if other is not None:
            assert likeness(one, other) is likeness(other, one)


@given(st.text(alphabet="abcehijopsxy", min_size=1, max_size=12))
def test_no_name_of_cyrillic_letters_alone_hides_behind_a_latin_one(latin):
    """Whole-script: nothing is mixed, so no look at the name alone finds it; beside the other it is found."""
    cyrillic = latin.translate(
        str.maketrans("abcehijopsxy", "\u0430\u042c\u0441\u0435\u04bb\u0456\u0458\u043e\u0440\u0455\u0445\u0443")
    )
    one, other = canonical(latin), canonical(cyrillic)
    assert objection(other) is None
    if "b" not in latin:
        assert likeness(one, other) is Likeness.ACROSS_SCRIPTS


def test_without_the_table_nothing_is_said_to_be_different(monkeypatch):
    monkeypatch.setitem(sys.modules, "confusable_homoglyphs.confusables", None)
    _prototypes.cache_clear()
    with pytest.raises(ConfigError, match="not installed") as error:
        likeness(canonical("bob"), canonical("alice"))
    assert "acctsec[confusables]" in error.value.remedy
    _prototypes.cache_clear()


def test_no_identifier_shows_in_a_repr():
    assert "alice" not in repr(canonical("alice@example.org"))
