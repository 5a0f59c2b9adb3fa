"""One edit is found by look-ups, and exactly one edit."""

from hypothesis import example, given
from hypothesis import strategies as st

from acctsec.password.nearby import Nearby

SMALL = st.text("ab", max_size=6)


def edits(text, alphabet="abc"):
    """Every text that one edit makes of *text*, and itself: the definition, spelt out."""
    for at in range(len(text) + 1):
        yield from (text[:at] + letter + text[at:] for letter in alphabet)
        yield text[:at] + text[at + 1 :]
        yield from (text[:at] + letter + text[at + 1 :] for letter in alphabet if at < len(text))
    yield text


@given(st.lists(SMALL, min_size=1, max_size=3), st.text("abc", max_size=7))
@example(["abcd"], "bcde")  # each without one character is bcd, and yet they are two edits apart
@example(["ab"], "ba")
def test_exactly_what_one_edit_makes_is_found(words, text):
    known = Nearby(words, fuzzy_from=0)

    assert (text in known) == any(text in set(edits(word)) for word in words)


@given(st.lists(SMALL, max_size=3), st.text("abc", max_size=7), st.integers(0, 8))
def test_short_words_are_found_as_they_stand(words, text, fuzzy_from):
    expected = text in words or any(text in set(edits(word)) for word in words if len(word) >= fuzzy_from)

    assert (text in Nearby(words, fuzzy_from=fuzzy_from)) == expected


@given(st.lists(SMALL, min_size=1, max_size=3), st.text("abc", max_size=7), st.integers(0, 8))
def test_what_is_found_has_a_length_in_the_bounds(words, text, fuzzy_from):
    known = Nearby(words, fuzzy_from=fuzzy_from)

    assert text not in known or known.shortest <= len(text) <= known.longest


def test_nothing_is_near_no_word():
    assert "" not in Nearby((), fuzzy_from=0)
    assert "a" not in Nearby((), fuzzy_from=0)
