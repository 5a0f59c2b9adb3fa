"""The model says what was measured, and scales as memory traffic does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.hashing import Argon2Parameters
from acctsec.hashing.cost import CARDS, H100, RTX_4090, SOURCES, Card, dollars_per_million, guesses_per_second

RTX_5090 = Card(name="RTX 5090", bytes_per_second=1.792e12, dollars_per_hour=1.0)
PUBLISHED = [
    (RTX_4090, Argon2Parameters(65_536, 3), 1_667),  # hashcat pull request 4284
    (RTX_5090, Argon2Parameters(16_384, 3), 11_450),  # openwall/john pull request 5382, issue 5809
]
COSTS = st.builds(Argon2Parameters, st.integers(7_168, 262_144), st.integers(1, 10))


@pytest.mark.parametrize(("card", "cost", "measured"), PUBLISHED)
def test_published_speeds_are_met_within_three_percent(card, cost, measured):
    assert guesses_per_second(cost, card) == pytest.approx(measured, rel=0.03)


@pytest.mark.parametrize(
    ("cost", "card", "dollars"),
    [
        (Argon2Parameters(19_456, 2), RTX_4090, 0.0126),
        (Argon2Parameters(65_536, 3), RTX_4090, 0.068),
        (Argon2Parameters(19_456, 2), H100, 0.0238),
        (Argon2Parameters(65_536, 3), H100, 0.128),
    ],
)
def test_a_million_guesses_cost_what_a_calculator_says(cost, card, dollars):
    """Worked out by hand: 10^6 / rate / 3600 * price."""
    assert dollars_per_million(cost, card) == pytest.approx(dollars, rel=0.01)


@given(COSTS, st.sampled_from(CARDS))
def test_twice_the_memory_costs_twice_as_much(cost, card):
    double = Argon2Parameters(2 * cost.memory_kib, cost.time_cost)

    assert dollars_per_million(double, card) == pytest.approx(2 * dollars_per_million(cost, card))


@given(COSTS, COSTS, st.sampled_from(CARDS))
def test_what_replaces_a_hash_costs_an_attacker_more(one, other, card):
    """The order by which a stored hash is upgraded is the order of the bill."""
    assert (one.traffic < other.traffic) == (dollars_per_million(one, card) < dollars_per_million(other, card))


def test_every_number_has_a_source():
    text = "\n".join(SOURCES)

    for word in ("3t - 1", "hashcat", "openwall/john", "bandwidth", "prices"):
        assert word in text
    for card in CARDS:
        assert card.name in text
