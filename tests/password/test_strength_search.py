"""What makes the search fast changes no answer: each short cut is held to the long way."""

import re
from math import factorial, log10

import pytest
from hypothesis import assume, example, given, target
from hypothesis import strategies as st
from zxcvbn import matching, scoring, zxcvbn

from acctsec.password import estimate, strength
from acctsec.password.estimator import chinese, keyboard, sequence, spelling

KEYS = "qwertyasdfgzxcvb1234567890QWERT!@#$%.-/ "
PIECES = st.sampled_from(
    """
    a A 1 ! 7 qwe asdf 1234 19 2019 p4ss @dmin love dragon monkey nhoj woaini zhang wei 520 1314 ab aa xian 1/2/91 ñu 密码
    kwarns Zq
    """.split()  # noqa: SIM905 - a list of pieces is read like this
)
TEXT = st.lists(PIECES, min_size=1, max_size=12).map("".join)
FORTY = st.lists(PIECES | st.sampled_from(["xian", "zhuang", "1314", "xqz", "%w"]), min_size=40).map(
    lambda parts: "".join(parts)[:40]
)
SIGNS = st.lists(PIECES | st.sampled_from([*"4@8({[<3691!|70$5+%2", "p4$$", "l0ve", "dr@g0n"]), max_size=30).map("".join)
TABLES = strength.tables()


def every_way(size, spans):
    """The search as zxcvbn does it: every start of brute force is tried for every end."""
    best = [{} for _ in range(size)]

    def consider(end, parts, product, brute):
        guesses = factorial(parts) * product + 10_000.0 ** (parts - 1)
        if all(fewer > parts or rival[0] > guesses for fewer, rival in best[end].items()):
            best[end][parts] = (guesses, product, brute)

    def brute_force(length):
        return 11.0 if length == 1 else 10.0**length

    for end in range(size):
        for i, j, guesses in sorted(spans, key=lambda span: span[:2]):
            if j == end:
                least = 1 if j - i + 1 == size else 10 if i == j else 50
                for parts, (_, product, _) in best[i - 1].items() if i else [(0, (0, 1.0, False))]:
                    consider(end, parts + 1, product * max(guesses, least), False)
        for start in range(end + 1):
            for parts, (_, product, brute) in best[start - 1].items() if start else [(0, (0, 1.0, False))]:
                if not brute:
                    consider(end, parts + 1, product * brute_force(end - start + 1), True)
    return min(guesses for guesses, _, _ in best[-1].values())


@st.composite
def spans(draw):
    size = draw(st.integers(1, 24))
    place = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)).map(sorted)
    costs = st.floats(0, 12).map(lambda power: 10.0**power)
    return size, [(i, j, cost) for (i, j), cost in draw(st.lists(st.tuples(place, costs), max_size=40))]


@given(spans())
def test_the_cheapest_sequence_is_that_of_a_search_that_leaves_nothing_out(given):
    size, found = given

    assert sequence.cheapest(size, found) == pytest.approx(every_way(size, found), rel=1e-9)


@given(st.text(KEYS, max_size=40) | TEXT)
def test_runs_on_a_keyboard_are_those_of_zxcvbn(password):
    theirs = sorted((one["i"], one["j"], scoring.spatial_guesses(one)) for one in matching.spatial_match(password))
    ours = sorted(keyboard.walks(password, TABLES.keyboards))

    assert [span[:2] for span in ours] == [span[:2] for span in theirs]
    assert [span[2] for span in ours] == pytest.approx([span[2] for span in theirs])


@given(st.text("aAbBzZ1!éÉßİ\n", min_size=1, max_size=30))
def test_capitals_count_as_with_zxcvbn(token):
    assert spelling.capitals(token) == scoring.uppercase_variations({"token": token})


@given(st.text("aA4@sS5$e3", min_size=1, max_size=30))
def test_look_alikes_count_as_with_zxcvbn(token):
    used = {sign: letter for sign, letter in {"4": "a", "@": "a", "5": "s", "$": "s", "3": "e"}.items() if sign in token}

    assert spelling.disguises(token, used) == scoring.l33t_variations({"token": token, "l33t": True, "sub": used})


@given((TEXT | SIGNS).map(lambda text: text[:80]), st.data())
def test_what_is_found_in_a_part_is_what_is_found_when_it_is_looked_at_alone(text, data):
    start, stop = sorted(data.draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
    text, stop = text[: start + 40], min(stop, start + 40)
    own = strength.ranked(["kwarns", "zhang"])
    whole = strength._Part(text, own, TABLES)
    if len(text) <= 40 and data.draw(st.booleans()):
        assert whole.guesses >= 1  # what has been looked up is taken from there
    part, alone = whole.within(start, stop), strength._Part(text[start:stop], own, TABLES)

    for kind in ("_words", "_disguised", "_patterns", "_chinese"):
        assert sorted(getattr(part, kind)) == sorted(getattr(alone, kind)), kind
    assert part.guesses == alone.guesses


def test_look_alikes_of_a_part_are_read_by_its_own():
    """All signs are too many to try every way; the part alone has few: 7 is t and 1 is i."""
    part = strength._Part("70p1c" + "4@8({[<3691!|70$5+%2", {}, TABLES).within(0, 5)

    assert part._disguised == strength._Part("70p1c", {}, TABLES)._disguised
    assert any(span[:2] == (0, 4) for span in part._disguised)


@given(TEXT.map(lambda text: text[:40]), st.lists(PIECES | TEXT, max_size=6))
def test_words_that_are_left_out_are_found_nowhere(text, words):
    own = strength.ranked(words)

    assert strength.guesses(text, strength._possible(own, text, TABLES), TABLES) == strength.guesses(text, own, TABLES)


@given(TEXT.map(lambda text: text[:40]))
def test_what_is_repeated_is_judged_as_if_it_stood_alone(base):
    twice = base + base
    if len(twice) <= 40 and [*strength.repetitions(twice)] == [(0, len(twice) - 1, len(base))]:
        spans = strength._Part(twice, {}, TABLES)._again

        assert spans[0][3] == strength.guesses(base, {}, TABLES) * 2


def test_words_and_surnames_are_made_of_syllables():
    """The search for words goes along the syllables, at most four of them."""
    table = chinese._pinyin()
    for word in [*table.words, *table.surnames]:
        steps = chinese._steps(word, table.syllables, table.reaches)
        ways = [number for number, end, _ in chinese._from(0, steps) if end == len(word)]
        assert ways, word
        assert min(ways) <= (chinese._WORD if word in table.words else 1), word


@given(TEXT.map(lambda text: text[:40]))
def test_the_search_agrees_with_zxcvbn_whatever_is_put_together(password):
    assume(not re.search("20[2-4][0-9]", password))  # years that zxcvbn does not know, and that hide those which it does
    theirs = float(zxcvbn(password)["guesses_log10"])
    searched = log10(strength.guesses(password, {}, TABLES))

    target(abs(searched - theirs), label="how far they are apart")
    assert searched == pytest.approx(theirs, abs=1e-9)


@given(
    st.text("4@8({[<3691!|70$5+%2aA", min_size=40, max_size=40), st.lists(st.text("aAsS4$", min_size=2, max_size=20), max_size=30)
)
def test_no_input_is_led_to_that_makes_the_search_try_much_more(password, words):
    """Hypothesis climbs by how many spans the search is given; a reading that says the same again adds none."""
    part = strength._Part(password, strength.ranked(words), TABLES)
    number = len(part._found)

    target(float(number))
    assert number <= 4_000
    assert estimate(password, words) >= 0


def test_two_ways_that_differ_in_their_last_digit_are_no_shortening():
    """Pinyin is in it, and takes as many guesses as what else is there."""
    password = "5wg23w50h25w41w432310n2520ihng20ngeggw14"
    part = strength._Part(password, {}, TABLES)

    assert part._foreign
    assert part.guesses == pytest.approx(part.guesses_without_chinese)
    assert estimate(password) > log10(part.guesses) + 5


@given(FORTY, FORTY)
@example("hao7Kq7Kq13141314zhoushizhou%w%w7Kq%w%w%", "hao1314woqiang%waiweiweixianqiang1314zhu")
def test_of_a_long_password_the_stronger_end_counts(start, end):
    """The example's first end is the stronger one until what is Chinese in it bounds it below the other."""
    alone = max(estimate(start), estimate(end))

    assert estimate(start + end) == estimate(start + "what is between" + end) == alone
