"""The likelihood ratio: the plain product, explained part by part, which can only add."""

import hashlib
from datetime import timedelta
from math import log10

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.attacks.sizes import deep_size

from acctsec import ConfigError
from acctsec.attacks.history import MAX_PLACES, MAX_SIGN_INS, History, Traffic, path
from acctsec.attacks.networks import Networks
from acctsec.attacks.recent import RecentCounts
from acctsec.attacks.risk import Extra, Facts, Level, LikelihoodRatio, Place, Seen
from acctsec.record.habits import NAME_BYTES
from acctsec.stores import MemoryPopularity

POLICY = LikelihoodRatio()
HOURS = st.tuples(*[st.integers(0, 30)] * 24)


@st.composite
def within(draw, seen):
    """Counts of a part of what has *seen*."""
    return Seen(*(draw(st.integers(0, getattr(seen, name))) for name in seen.__struct_fields__))


@st.composite
def facts(draw):
    outer = Seen(*(draw(st.integers(0, most)) for most in (200, 10**6, 10**5)))
    places = []
    for level in draw(st.lists(st.sampled_from(Level), unique=True)):
        inner = draw(within(outer))
        places.append(Place(level, inner, outer))
        outer = inner
    sign_ins = draw(st.integers(0, 256))
    return Facts(
        tuple(places), sign_ins, draw(st.integers(0, sign_ins)), draw(HOURS), draw(st.integers(0, 23)), draw(st.booleans())
    )


def changed(facts, **given):
    return Facts(**{name: given.get(name, getattr(facts, name)) for name in facts.__struct_fields__})


@given(facts=facts())
def test_the_score_is_the_plain_product(facts):
    """Freeman's ratio, multiplied out; each part is rounded to a hundredth of a ban."""
    product = 1.0
    for place in facts.places:
        usual = (place.seen.everybody + 0.5) / (place.within.everybody + 1)
        attacker = max(usual, (place.seen.attacks + usual) / (place.within.attacks + 1))
        product *= attacker / ((place.seen.own + usual) / (place.within.own + 1))
    known = (facts.known + 0.5) / (facts.sign_ins + 1)
    product *= 0.001 / known if facts.known_device else 0.999 / (1 - known)
    near = (facts.hours[facts.hour - 1] + 2 * facts.hours[facts.hour] + facts.hours[(facts.hour + 1) % 24]) / 4
    product *= (1 / 24) / ((near + 1 / 24) / (sum(facts.hours) + 1))
    found = evolve(POLICY, most=1_000).assess(facts)
    assert abs(found.score - 100 * log10(product)) <= 0.51 * len(found.contributions)


@given(facts=facts())
def test_the_parts_are_the_whole_and_say_nothing_of_the_person(facts):
    found = POLICY.assess(facts)
    assert found.score == sum(part.amount for part in found.contributions)
    assert [part.feature for part in found.contributions] == [*(place.level for place in facts.places), "device", "hour"]
    assert all(type(part.amount) is int and abs(part.amount) <= POLICY.most for part in found.contributions)
    assert POLICY.assess(facts) == found


@given(facts=facts(), required=st.sampled_from(Extra))
def test_it_only_adds(facts, required):
    """Whatever it finds: what was due anyway is due."""
    found = POLICY.assess(facts)
    assert found.beside(required) >= required and found.beside(required) >= found.extra
    assert found.beside(required) in (required, found.extra)


@given(facts=facts(), more=st.integers(1, 10**6))
def test_more_attacks_from_a_place_never_make_it_look_better(facts, more):
    """Neither there nor in sum: they are seen at every level of its path."""
    if facts.places:
        places = tuple(
            Place(
                place.level,
                Seen(place.seen.own, place.seen.everybody, place.seen.attacks + more),
                Seen(place.within.own, place.within.everybody, place.within.attacks + more),
            )
            for place in facts.places
        )
        before, after = POLICY.assess(facts), POLICY.assess(changed(facts, places=places))
        assert all(a.amount >= b.amount for a, b in zip(after.contributions, before.contributions, strict=True))


@given(facts=facts(), more=st.integers(1, 10**6))
def test_a_fresh_place_never_looks_better_for_attacks_elsewhere(facts, more):
    """An attacker who moves on gains nothing: that none was seen there is no excuse."""
    if facts.places:
        first = facts.places[0]
        fresh = Place(first.level, Seen(first.seen.own, first.seen.everybody), Seen(first.within.own, first.within.everybody))
        attacked = Place(first.level, fresh.seen, Seen(first.within.own, first.within.everybody, more))
        scores = [POLICY.assess(changed(facts, places=(one,))).score for one in (fresh, attacked)]
        assert scores[0] == scores[1]


@given(facts=facts(), more=st.integers(1, 100))
def test_the_owners_own_habit_never_speaks_against_him(facts, more):
    """More sign-ins from here, at this hour."""
    places = tuple(
        Place(
            place.level,
            Seen(place.seen.own + more, place.seen.everybody, place.seen.attacks),
            Seen(place.within.own + more, place.within.everybody, place.within.attacks),
        )
        for place in facts.places
    )
    hours = tuple(count + 4 * more * (hour == facts.hour) for hour, count in enumerate(facts.hours))
    assert POLICY.assess(changed(facts, places=places)).score <= POLICY.assess(facts).score
    # Of an hour only half is its own: its neighbours have the rest.
    if facts.hours == (0,) * 24:
        assert POLICY.assess(changed(facts, hours=hours)).score <= POLICY.assess(facts).score


@given(facts=facts())
def test_while_warming_up_it_asks_for_nothing(facts):
    assert POLICY.assess(changed(facts, sign_ins=2, known=0)).extra is Extra.NONE


# --- with a history -----------------------------------------------------------------------------------------------------

HOME = Networks("192.0.2.7", ("192.0.2.0/24",), 64500, "SE")
NEAR = Networks("192.0.2.99", ("192.0.2.0/24",), 64500, "SE")
TOWN = Networks("203.0.113.5", ("203.0.113.0/24",), 64501, "SE")
AWAY = Networks("198.51.100.1", ("198.51.100.0/24",), 64511, "NO")


def digest(name):
    return hashlib.sha256(b"key" + name.encode()).digest()


def traffic():
    counts = lambda: RecentCounts(lambda: MemoryPopularity(width=4096), window=timedelta(days=30))
    made = Traffic(everybody=counts(), attacks=counts())
    for number in range(2_000):
        made.signed_in(
            path(
                Networks(
                    f"10.0.{number % 200}.1", (f"10.0.{number % 200}.0/24",), 64500 + number % 20, "SE" if number % 4 else "NO"
                ),
                digest,
            ),
            now=0,
        )
    for _ in range(500):
        made.attacked(path(AWAY, digest), now=0)
    return made


def owner(sign_ins=30):
    history = History()
    for number in range(sign_ins):
        history = history.learned(path(HOME, digest), hour=8 + number % 3, known_device=number > 0)
    return history


def judged(networks, *, hour=9, known_device=False, history=None):
    at = path(networks, digest)
    facts = traffic().facts(owner() if history is None else history, at, hour=hour, known_device=known_device, now=0)
    return POLICY.assess(facts)


def test_the_owner_at_home_is_asked_for_nothing():
    """With his device, with a new one, and from the next address."""
    assert judged(HOME, known_device=True).extra is Extra.NONE
    assert judged(HOME).extra is Extra.NONE
    assert judged(NEAR).extra is Extra.NONE


def test_a_known_device_on_a_journey_is_asked_for_less():
    """It speaks for its owner where the network does not."""
    assert judged(AWAY, known_device=True).score < judged(AWAY).score


def test_an_attacker_from_where_attacks_come_has_to_show_a_factor():
    found = judged(AWAY, hour=3)
    parts = {part.feature: part.amount for part in found.contributions}
    assert found.extra is Extra.FACTOR
    assert min(parts["country"], parts["device"], parts["hour"]) > 100


STEPS = st.tuples(st.booleans(), st.sampled_from([HOME, NEAR, TOWN, AWAY, Networks("unknown")]))


@given(steps=st.lists(STEPS, max_size=30), at=st.sampled_from([HOME, NEAR, TOWN, AWAY]))
def test_traffic_tells_what_was_seen_at_each_step_of_a_path(steps, at):
    """Against a list of all of it: the sketches are wide enough to be right here."""
    made = Traffic(
        everybody=RecentCounts(lambda: MemoryPopularity(width=4096)), attacks=RecentCounts(lambda: MemoryPopularity(width=4096))
    )
    seen = {False: [], True: []}
    for attack, networks in steps:
        (made.attacked if attack else made.signed_in)(path(networks, digest), now=0)
        seen[attack].append(path(networks, digest))
    here, history = path(at, digest), owner(4)
    facts = made.facts(history, here, hour=3, known_device=True, now=0)
    among = lambda paths, length: sum(one[:length] == here[:length] for one in paths)
    for length, place in enumerate(facts.places, 1):
        for counted, upto in ((place.seen, length), (place.within, length - 1)):
            above = b"".join(name[:NAME_BYTES] for _, name in here[:upto])
            own = sum(count for one, count in history.places if one.startswith(above))
            assert counted == Seen(own, among(seen[False], upto), among(seen[True], upto))
    assert [place.level for place in facts.places] == [Level.COUNTRY, Level.ASN, Level.PREFIX, Level.ADDRESS]
    assert (facts.sign_ins, facts.known, facts.hours, facts.hour, facts.known_device) == (4, 3, tuple(history.hours), 3, True)


def test_nearer_is_never_riskier():
    """A new address in a known prefix, a new network in a known country, another country: in that order."""
    scores = [judged(one).score for one in (HOME, NEAR, TOWN, AWAY)]
    assert scores == sorted(scores) and len(set(scores)) == 4


def test_what_is_new_below_what_is_new_adds_nothing_more():
    """One journey is one surprise, not four."""
    parts = {part.feature: part.amount for part in judged(TOWN).contributions}
    assert parts["country"] < 0 < parts["asn"]
    assert parts["prefix"] == parts["address"] == 0


def test_levels_that_nobody_can_tell_are_left_out():
    parts = judged(Networks("192.0.2.7", ("192.0.2.0/24",))).contributions
    assert [part.feature for part in parts] == ["prefix", "address", "device", "hour"]
    assert [part.feature for part in judged(Networks("unknown")).contributions] == ["address", "device", "hour"]


def test_nobody_knows_a_newcomer():
    assert judged(AWAY, history=History()).extra is Extra.NONE


@given(places=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 23), st.booleans()), max_size=600))
def test_a_history_is_bounded_and_adds_up(places):
    history = History()
    for place, hour, known in places:
        history = history.learned(((Level.ADDRESS, digest(str(place))[:16]),), hour=hour, known_device=known)
        assert history.known <= history.sign_ins <= MAX_SIGN_INS
        assert len(history.places) <= MAX_PLACES and history.under(()) <= history.sign_ins
        assert history.places[-1][0] == digest(str(place))[:NAME_BYTES]  # the level is in the digest
    if places and len(places) <= MAX_SIGN_INS:
        assert history.sign_ins == sum(history.hours) == len(places)
        assert history.known == sum(known for _, _, known in places)


def test_the_old_home_fades():
    """After as many sign-ins in the new one, the new one counts more."""
    history = owner(250)
    for _ in range(200):
        history = history.learned(path(TOWN, digest), hour=9, known_device=True)
    assert history.under(path(TOWN, digest)) > history.under(path(HOME, digest)) > 0


def test_no_address_is_kept_and_a_history_is_small():
    """24 places of four names each."""
    history = History()
    for number in range(100):
        at = path(Networks(f"192.0.2.{number}", ("192.0.2.0/24",), 64500, "SE"), digest)
        history = history.learned(at, hour=9, known_device=True)
    assert "192.0" not in repr(history) and "SE" not in repr(history)
    assert deep_size(history) <= 16_000


def test_a_flood_of_places_does_not_drive_out_home():
    """A thief of the session who signs in from everywhere replaces his own places."""
    history = owner(30)
    for number in range(100):
        history = history.learned(path(Networks(f"198.51.100.{number}"), digest), hour=9, known_device=False)
    assert history.under(path(HOME, digest)) == 30


# --- what cannot be -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"challenge": 260},
        {"challenge": 0},
        {"factor": 130},
        {"warm_up": -1},
        {"prior": 0},
        {"stolen": 1},
        {"most": 49},
        {"prior": 1.5},
    ],
    ids=str,
)
def test_nonsense_is_refused_at_construction(wrong):
    with pytest.raises(ConfigError):
        evolve(POLICY, **wrong)


GOOD = Facts((Place(Level.ADDRESS, Seen(1, 1, 1), Seen(2, 2, 2)),), 5, 3, (0,) * 24, 5, known_device=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"places": (Place(Level.ADDRESS, Seen(3), Seen(2)),)},
        {"places": (Place(Level.ADDRESS, Seen(0, 3), Seen(2, 2)),)},
        {"places": (Place(Level.ADDRESS, Seen(0, 0, 3), Seen(2, 2, 2)),)},
        {"places": (Place(Level.ADDRESS, Seen(-1), Seen(2)),)},
        {"places": (Place(Level.ADDRESS, Seen(0.5), Seen(2)),)},
        {"sign_ins": 2},
        {"sign_ins": 2**41},
        {"known": -1},
        {"hours": (0,) * 23},
        {"hours": (-1,) * 24},
        {"hour": 24},
        {"hour": -1},
        {"hour": True},
    ],
    ids=str,
)
def test_counts_that_cannot_be_are_refused(wrong):
    """A score of nonsense would be a number without a meaning."""
    POLICY.assess(GOOD)
    with pytest.raises(ConfigError):
        POLICY.assess(changed(GOOD, **wrong))


def test_hours_that_cannot_be_are_not_learned():
    for hour in (24, -1, True, 1.5):
        with pytest.raises(ConfigError):
            History().learned(path(HOME, digest), hour=hour, known_device=True)
    counts = RecentCounts(lambda: MemoryPopularity(width=1024))
    with pytest.raises(ConfigError):
        Traffic(everybody=counts, attacks=counts)
