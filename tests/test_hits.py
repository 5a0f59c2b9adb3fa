"""The hit count: what strangers may have compared at one account, by how many people have it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count

import msgspec
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.places import STORES, USUAL, ground, on_ground  # noqa: F401 - a fixture
from tests.simulation.popularity import taken

from acctsec import (
    CHEAPEST,
    Admin,
    ConfigError,
    CurrentPassword,
    Initial,
    LockoutPolicy,
    MemoryStore,
    PasswordChanged,
    PasswordPolicy,
    PortError,
    Refused,
    ResetLink,
    ResetPolicy,
    SignedIn,
    SplitStore,
    StoreUnavailable,
)
from acctsec.__main__ import main
from acctsec._codec import decode_record
from acctsec.budgets import Rungs
from acctsec.events import AttemptRefused, GuessesCounted
from acctsec.explained.probable import probable
from acctsec.keyring import frame
from acctsec.knobs import knobs
from acctsec.lockout import Admitted, Attempt, Lane, Outage, Repeats, SecretClass
from acctsec.lockout import hits as mass
from acctsec.lockout.hits import NAME, PART, UNITS, HitCount
from acctsec.outcomes import Imported
from acctsec.password import Length, likelihood
from acctsec.password.zipf import LONGEST, share
from acctsec.protocols import Settle
from acctsec.record import Record, Verifier
from acctsec.testing import DEATHS, RACING, assert_no_oracle, async_world, engine_operations, explore, race_world, world
from acctsec.testing.oracles import Kind
from acctsec.testing.strategies import passphrases
from acctsec.testing.world import IDENTIFIER, PASSWORD

MASS = 2**-12
DAY = timedelta(days=1)


def units(password):
    """A password that says what it weighs: ``weighs 37: ...``. Every other one weighs nothing."""
    head, _, number = password.partition(":")[0].partition(" ")
    return max(int(number) - 0.25, 0) / UNITS * MASS if head == "weighs" and number.isdecimal() else 0.0


HITS = HitCount(likelihood=units)
ROOMY = LockoutPolicy(
    hits=HITS,
    strangers=Rungs(free=50, first=timedelta(minutes=1), longest=timedelta(minutes=30), stop=50),
    pair=Rungs(free=1000, first=timedelta(minutes=1), longest=timedelta(minutes=1), stop=1000, window=DAY),
    source=Rungs(free=1000, first=timedelta(minutes=1), longest=timedelta(minutes=1), stop=1000, window=DAY),
)
"""Guesses enough: what ends is the mass."""

ANY = PasswordPolicy(rules=(Length(minimum=8),), estimator=lambda _, __: 9.0)
POLICY = evolve(CHEAPEST, lockout=ROOMY, password=ANY, reset=ResetPolicy(passwords_by_administrators=True))


def pytest_generate_tests(metafunc):
    """What asks for `on_ground` is run on every store; on some only by `make test-deep`."""
    if "on_ground" in metafunc.fixturenames:
        ground.choose(metafunc, USUAL)


def a_user(policy=POLICY, password=PASSWORD, **facts):
    w = world(policy=policy, **facts)
    w.directory.put(account())
    assert isinstance(w.calls.set_password("u1", password, by=Initial(), context=w.context()), PasswordChanged)
    w.comparisons.clear()
    return w


def account():
    from acctsec.protocols import Account

    return Account(subject="u1", identifiers=(IDENTIFIER,), addresses=(IDENTIFIER,))


addresses = (f"198.18.{number // 250 % 250}.{number % 250 + 1}" for number in count())


def sign_in(w, password, identifier=IDENTIFIER, **facts):
    facts.setdefault("address", next(addresses))
    return w.calls.sign_in(identifier, password, context=w.context(**facts))


def compared(w):
    """The units of all distinct wrong passwords that were compared with the account's own."""
    return sum(HITS.weight(units(one)) for one in {one.password for one in w.comparisons.guesses})


def record(w):
    return decode_record(w.store.load(frame("subject", "", "u1"))[0])


# --- what weighs how much ---------------------------------------------------------------------------------------------


@given(st.floats(0, 1.5 * UNITS), st.sampled_from((2**-8, 2**-12, 2**-20)))
def test_a_guess_weighs_no_less_than_it_is_likely_but_for_half_a_unit(exact, whole):
    unit = whole / UNITS
    likely = exact * unit
    weight = HitCount(mass=whole).weight(likely)
    assert 0 <= weight <= UNITS + 1
    assert (weight == 0) is (likely < unit / 2)
    if 0 < weight <= UNITS:
        assert likely <= weight * unit < likely + unit
    assert (weight > UNITS) is (likely > whole)


@pytest.mark.parametrize("whole", [0, 1, -1, 2**-31, 0.02, float("nan"), float("inf"), "2**-12", None, True])
def test_a_mass_that_stops_nobody_or_everybody_is_refused(whole):
    with pytest.raises(ConfigError, match="mass") as refused:
        HitCount(mass=whole)
    assert refused.value.remedy


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ConfigError, match="likelihood"):
        HitCount(likelihood=0.5)
    with pytest.raises(ConfigError, match="hits"):
        LockoutPolicy(hits=2**-12)


def test_the_repr_of_a_hit_count_is_the_same_in_every_process():
    assert repr(HitCount(likelihood=likelihood)) == (
        "HitCount(mass=0.000244140625, window=datetime.timedelta(days=30), likelihood=likelihood)"
    )


# --- how likely a password is -----------------------------------------------------------------------------------------


def test_the_head_of_rockyou_is_met_within_a_factor_of_two():
    """The shares that were counted, by rank: as docs/explanation and the simulation have them."""
    heads = {3: 0.0137, 10: 0.0205, 100: 0.0452}
    for guesses, counted in heads.items():
        assert 0.5 < sum(share(rank) for rank in range(1, guesses + 1)) / counted < 2
        assert sum(share(rank) for rank in range(1, guesses + 1)) == pytest.approx(taken(guesses), rel=0.02)


@pytest.mark.parametrize(
    ("password", "least", "most"), [("123456", 5e-3, 1e-2), ("Password", 1e-3, 1e-2), ("sunshine", 2e-5, 2e-3)]
)
def test_what_everybody_tries_first_is_likely(password, least, most):
    assert least < likelihood(password) < most


@given(st.text(max_size=60))
def test_every_text_has_a_likelihood_and_the_same_every_time(text):
    found = likelihood(text)
    assert 0 <= found <= share(1)
    assert found == likelihood(text)


def test_an_estimator_of_ones_own_is_asked():
    assert likelihood("zq8!vR", estimator=lambda _, __: 2.0) == pytest.approx(share(100))
    assert likelihood("zq8!vR", estimator=lambda _, __: float("inf")) == pytest.approx(0, abs=1e-200)


def test_what_is_long_and_on_no_list_is_not_estimated():
    def never(_, __):
        raise AssertionError

    assert likelihood("x" * (LONGEST + 1), estimator=never) == 0


@given(passphrases(), st.data())
def test_a_typo_of_a_password_that_the_default_rules_take_weighs_nothing(password, data):
    """The owner mistypes: a character more, fewer, another, two in the other order, another case, or half of it."""
    hits, at = HitCount(), data.draw(st.integers(0, len(password) - 1))
    other = data.draw(st.sampled_from("abcxyz0189!? "))
    typos = (
        password[:at] + password[at + 1 :],
        password[:at] + other + password[at:],
        password[:at] + other + password[at + 1 :],
        password[:at] + password[at + 1 : at + 2] + password[at : at + 1] + password[at + 2 :],
        password.swapcase(),
    )
    assert not any(hits.weight(likelihood(typo)) for typo in typos)


# --- no schedule goes above the mass ----------------------------------------------------------------------------------

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("guess"), st.integers(1, UNITS + 3), st.integers(1, 12)),
        st.tuples(st.just("guess"), st.sampled_from((1, 128, 300, 512, UNITS)), st.integers(1, 12)),
        st.tuples(st.just("settle"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("owner"), st.just(0), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from((1, 31, 3600, 86_400, 5 * 86_400, 31 * 86_400)), st.just(0)),
    ),
    min_size=5,
    max_size=60,
)


class Account:
    """The meters of one account under a policy, and what was compared there when."""

    def __init__(self, policy, *, likeliest=0.0):
        self.policy, self.store, self.now, self.numbers = policy, MemoryStore(), 1_800_000_000_000_000, count(1)
        verifier = Verifier(sealed=b"", born=1, preparation=1, since=datetime(2026, 1, 1, tzinfo=UTC), likeliest=likeliest)
        self.record = Record(incarnation=b"i" * 16, epoch=1, verifier=verifier)
        self.under_way, self.compared = [], {}

    def charge(self, weight, candidate):
        number = next(self.numbers)
        attempt = Attempt(
            kind=SecretClass.PASSWORD,
            lane=Lane(),
            subject=b"subject",
            source=b"source %d" % number,
            pair=b"pair",
            candidate=candidate,
            outside=number,
            hold=number.to_bytes(16, "big"),
            weight=min(weight, UNITS + 1),
        )
        charges = self.policy.charges(attempt)
        readings = self.store.charge(charges, self.now)
        return charges, readings

    def guess(self, weight, candidate):
        """One guess up to its comparison; the same candidate always weighs the same."""
        charges, readings = self.charge(weight, candidate * 10_000 + weight)
        if not isinstance(self.policy.judge(charges, readings), Admitted):
            return
        too_likely = self.policy.too_likely(self.record, Lane(), weight=weight, charges=charges, readings=readings)
        if not too_likely:
            self.compared.setdefault((candidate, weight), self.now)
        self.under_way.append((charges, readings))

    def settle(self, number):
        if number < len(self.under_way):
            charges, readings = self.under_way.pop(number)
            self.store.settle(self.policy.settlements(charges, readings, Settle.FAILED), self.now)

    def owner(self, *_):
        """The owner signs in from a place nobody knows: the lane is free again."""
        charges, readings = self.charge(0, 1)
        if isinstance(self.policy.judge(charges, readings), Admitted):
            self.store.settle(self.policy.settlements(charges, readings, Settle.CLEAR), self.now)

    def wait(self, seconds):
        self.now += seconds * 1_000_000

    def most_in_a_window(self):
        window = 30 * 86_400 * 1_000_000
        times = sorted((at, weight) for (_, weight), at in self.compared.items())
        return max((sum(weight for then, weight in times if at - window < then <= at) for at, _ in times), default=0)


@given(OPERATIONS, st.sampled_from(Repeats))
def test_whatever_strangers_do_they_never_compare_more_than_the_mass_in_a_window(operations, repeats):
    """Guesses side by side, settled late or never, the same ones again, the owner between them, weeks apart."""
    one = Account(evolve(ROOMY, repeats=repeats))
    for name, first, second in operations:
        getattr(one, name)(*((first, second) if name == "guess" else (first,)))
        assert one.most_in_a_window() <= UNITS


@given(OPERATIONS)
def test_the_meters_of_every_account_go_the_same_way(operations):
    """With and without a light password: what is compared differs, what is counted never does."""
    here, there = Account(ROOMY, likeliest=0.0), Account(ROOMY, likeliest=1.0)
    for name, first, second in operations:
        for one in (here, there):
            getattr(one, name)(*((first, second) if name == "guess" else (first,)))
    assert [(charges, readings) for charges, readings in here.under_way] == [*there.under_way]
    assert {slot: row.meters for slot, row in here.store._rows.items()} == {
        slot: row.meters for slot, row in there.store._rows.items()
    }
    assert here.compared.keys() <= there.compared.keys()


@given(st.lists(st.floats(0, 2**-13), min_size=1, max_size=120).map(lambda given: sorted(given, reverse=True)))
def test_who_knows_the_policy_and_guesses_in_the_best_order_takes_no_more_than_the_mass_and_a_twentieth(shares):
    """With the true shares for a likelihood: what is weighed is the mass, what weighs nothing is bounded by the month."""
    one = Account(ROOMY)
    for number, likely in enumerate(shares):
        one.guess(HITS.weight(likely), number)
        one.settle(0)
        if number % 40 == 39:
            one.owner()
    fallen = sum(shares[candidate] for candidate, _ in one.compared)
    assert fallen <= MASS * (1 + ROOMY.month.stop / UNITS / 2)


def test_the_head_of_rockyou_past_the_shipped_list_takes_the_mass_and_no_more():
    """100 guesses past the 20,000 commonest: 0.09 % without a hit count, under 0.0245 % with one that knows their shares."""
    banned = 20_000
    shares = [taken(number + 1, banned) - taken(number, banned) for number in range(100)]
    one, without = Account(ROOMY), Account(evolve(ROOMY, hits=None))
    for number, likely in enumerate(shares):
        for each in (one, without):
            each.guess(HITS.weight(likely), number)
            each.settle(0)
            each.owner()
    fallen, before = (sum(shares[candidate] for candidate, _ in each.compared) for each in (one, without))
    assert before == pytest.approx(sum(shares))
    assert fallen <= MASS * 1.05


# --- races ------------------------------------------------------------------------------------------------------------

RACED = evolve(RACING, lockout=evolve(ROOMY, patience=RACING.lockout.patience))


def raced(policy=RACED):
    w = race_world(policy=policy, store=ground.fresh())
    w.sign_up()
    w.comparisons.clear()
    return w


@pytest.mark.usefixtures("on_ground")
@pytest.mark.parametrize("fates", [(), DEATHS], ids=["all live", "one dies"])
def test_guesses_that_run_side_by_side_share_one_mass_in_every_order(fates):
    """600 and 500 units do not fit together: never are both compared, and where neither dies one of them is."""
    told = set()

    def check(w, answers):
        assert compared(w) <= UNITS
        told.add(compared(w))

    flows = lambda w: [w.engine.sign_in(IDENTIFIER, f"weighs {n}: x", context=w.context()) for n in (600, 500)]
    explore(raced, flows, check, fates=fates)
    assert max(told) == 600


@pytest.mark.usefixtures("on_ground")
def test_the_same_guess_twice_at_once_weighs_once():
    flows = lambda w: [w.engine.sign_in(IDENTIFIER, "weighs 900: x", context=w.context()) for _ in range(2)]
    explore(raced, flows, lambda w, answers: exec("assert number == 2", {"number": len(w.comparisons.guesses)}))


@pytest.mark.parametrize("store", STORES)
def test_twenty_guesses_from_twenty_threads_are_ten_of_a_tenth(store, places):
    place = places.fresh(store)
    w = a_user(store=place.open())
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda number: sign_in(w, f"weighs 102: {number}", address=f"203.0.113.{number}"), range(20)))
    assert compared(w) <= UNITS
    assert len({one.password for one in w.comparisons.guesses}) <= 10
    for number in range(30, 50):
        sign_in(w, f"weighs 102: {number}")
    assert compared(w) == 1020
    place.close()


# --- who is held up ---------------------------------------------------------------------------------------------------


def test_past_the_mass_likely_passwords_are_compared_no_more_and_rare_ones_as_ever():
    w = a_user()
    for number in range(4):
        sign_in(w, f"weighs 250: {number}")
    assert compared(w) == 1000
    assert sign_in(w, "weighs 25: and more") == Refused()
    assert compared(w) == 1000
    sign_in(w, "weighs 24: fits still")
    sign_in(w, "a rare one that is wrong")
    assert compared(w) == UNITS
    assert w.comparisons.guesses[-1].password == "a rare one that is wrong"
    assert isinstance(sign_in(w, PASSWORD), SignedIn)


def test_one_guess_that_is_heavier_than_the_mass_is_not_compared_and_takes_nothing_from_anybody():
    w = a_user()
    for _ in range(3):
        sign_in(w, f"weighs {UNITS + 1}: 123456")
    assert not w.comparisons.guesses
    sign_in(w, f"weighs {UNITS}: x")
    assert compared(w) == UNITS


def test_an_owner_of_a_light_password_is_admitted_beside_as_much_as_leaves_it_room_and_on_his_devices_always():
    own = f"weighs {PART}: mine"
    w = a_user(password=own)
    device = w.calls.sign_in(IDENTIFIER, own, context=w.context()).device
    sign_in(w, f"weighs {UNITS - PART}: x")
    assert isinstance(sign_in(w, own), SignedIn)
    sign_in(w, "weighs 1: and one more")
    assert isinstance(sign_in(w, own), Refused)
    assert isinstance(sign_in(w, own, device=device), SignedIn)
    w.clock.advance(timedelta(days=35))
    assert isinstance(sign_in(w, own), SignedIn)


def test_at_home_he_is_admitted_past_the_mass_and_a_guess_there_is_charged_like_any():
    own, home = f"weighs {PART}: mine", "203.0.113.7"
    strangers = evolve(ROOMY.strangers, free=25, stop=25)
    w = a_user(policy=evolve(POLICY, lockout=evolve(ROOMY, networks=1, strangers=strangers)), password=own)
    assert isinstance(sign_in(w, own, address=home), SignedIn)
    sign_in(w, "weighs 1000: at home", address=home)
    sign_in(w, "weighs 25: elsewhere")
    assert compared(w) == 1000
    sign_in(w, "weighs 24: elsewhere")
    assert compared(w) == UNITS
    assert isinstance(sign_in(w, own), Refused)
    assert isinstance(sign_in(w, own, address=home), SignedIn)


def test_what_the_owner_signs_in_with_weighs_nothing_in_the_end_and_clears_nothing():
    own = f"weighs {PART}: mine"
    w = a_user(password=own)
    for _ in range(30):
        assert isinstance(sign_in(w, own), SignedIn)
    sign_in(w, f"weighs {UNITS - PART}: x")
    for _ in range(3):
        assert isinstance(sign_in(w, own), SignedIn)
    sign_in(w, f"weighs {PART + 1}: y")
    assert compared(w) == UNITS - PART


def test_a_stale_client_that_repeats_one_likely_password_for_days_uses_its_weight_up_once():
    w = a_user(policy=evolve(POLICY, lockout=evolve(ROOMY, repeats=Repeats.COUNT)))
    for _ in range(20):
        sign_in(w, "weighs 300: stale")
    sign_in(w, "weighs 724: x")
    assert compared(w) == UNITS


def test_a_refusal_by_the_hit_count_says_so_to_operators_alone():
    w = a_user()
    sign_in(w, f"weighs {UNITS}: x")
    assert sign_in(w, "weighs 1: y") == sign_in(w, "wrong") == Refused()
    w.deliver()
    assert [one.reason for one in w.sink.observations if isinstance(one, AttemptRefused)] == ["wrong", "hits", "wrong"]


@pytest.mark.parametrize("likely", ["caf\u00e9 caf\u00e9", "cafe\u0301 cafe\u0301"])
def test_a_password_is_weighed_in_the_likelier_of_what_was_typed_and_what_is_compared(likely):
    """No spelling makes it lighter; and of some accounts what was typed is what is hashed."""
    hits = HitCount(likelihood=lambda password: MASS if password in (likely, "something else") else 0.0)
    w = a_user(policy=evolve(POLICY, lockout=evolve(ROOMY, hits=hits)))
    sign_in(w, "cafe\u0301 cafe\u0301")
    sign_in(w, "something else")
    assert len(w.comparisons.guesses) == 1  # the mass was used up by the first


# --- for whom it holds ------------------------------------------------------------------------------------------------


def test_it_holds_from_when_a_light_password_is_set_by_whatever_door():
    w = a_user()
    assert record(w).verifier.likeliest == HITS.heaviest
    by = CurrentPassword(PASSWORD)
    assert isinstance(w.calls.set_password("u1", "weighs 128: b", by=by, context=w.context()), PasswordChanged)
    assert record(w).verifier.likeliest == HITS.heaviest
    link = ResetLink(w.reset_link())
    assert isinstance(w.calls.redeem_reset(link, "weighs 1: c", context=w.context()), PasswordChanged)
    assert record(w).verifier.likeliest == HITS.heaviest


def test_a_password_that_is_too_heavy_for_its_own_budget_keeps_the_budget_in_guesses_and_always_opens():
    own = "weighs 129: mine"
    w = a_user(password=own)
    assert record(w).verifier.likeliest == 1
    sign_in(w, f"weighs {UNITS}: x")
    sign_in(w, f"weighs {UNITS + 1}: y")
    sign_in(w, "weighs 500: z")
    assert len(w.comparisons.guesses) == 3
    assert isinstance(sign_in(w, own), SignedIn)
    assert record(w).verifier.likeliest == 1


def test_one_of_before_is_looked_at_when_it_proves_right():
    w = a_user(policy=evolve(POLICY, lockout=evolve(ROOMY, hits=None)))
    assert record(w).verifier.likeliest == 1
    w.restart(POLICY)
    sign_in(w, f"weighs {UNITS + 1}: x")
    assert len(w.comparisons.evaluated) == 1
    assert isinstance(sign_in(w, PASSWORD), SignedIn)
    assert record(w).verifier.likeliest == HITS.heaviest
    sign_in(w, f"weighs {UNITS + 1}: y")
    assert len(w.comparisons.guesses) == 1


def test_so_is_one_on_a_known_device():
    w = a_user(policy=evolve(POLICY, lockout=evolve(ROOMY, hits=None)))
    device = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()).device
    w.restart(POLICY)
    assert isinstance(sign_in(w, PASSWORD, device=device), SignedIn)
    assert record(w).verifier.likeliest == HITS.heaviest


def test_a_hash_that_is_imported_is_unknown_until_it_proves_right():
    w = world(policy=POLICY)
    w.directory.put(account())
    stored = POLICY.hashing.hash(PASSWORD, salt=bytes(16))
    assert isinstance(w.calls.admin.import_verifier("u1", stored, actor="mover", prepared=True), Imported)
    assert record(w).verifier.likeliest == 1
    assert isinstance(sign_in(w, PASSWORD), SignedIn)
    assert record(w).verifier.likeliest == HITS.heaviest


def test_who_lowers_the_mass_has_passwords_looked_at_again():
    w = a_user(password="weighs 100: mine")
    w.restart(evolve(POLICY, lockout=evolve(ROOMY, hits=evolve(HITS, mass=MASS / 16))))
    assert isinstance(sign_in(w, "weighs 100: mine"), SignedIn)  # 1,600 units of the smaller mass
    assert record(w).verifier.likeliest == HITS.heaviest


def test_the_record_never_says_how_likely_a_password_is():
    told = set()
    for number in (0, 1, 50, PART):
        told.add(record(a_user(password=f"weighs {number}: mine")).verifier.likeliest)
    assert told == {HITS.heaviest}


def test_a_change_and_a_reset_leave_what_was_used_up_and_an_unlock_does_not():
    w = a_user()
    sign_in(w, f"weighs {UNITS}: x")
    assert isinstance(w.calls.set_password("u1", "another one 99", by=Admin("a"), context=w.context()), PasswordChanged)
    sign_in(w, "weighs 1: y")
    assert isinstance(w.calls.redeem_reset(ResetLink(w.reset_link()), "a third one 77", context=w.context()), PasswordChanged)
    sign_in(w, "weighs 1: y")
    assert compared(w) == UNITS
    w.calls.admin.unlock("u1", actor="a")
    sign_in(w, "weighs 2: z")
    assert compared(w) == UNITS + 2


def test_the_current_password_of_a_change_is_guessed_at_in_the_same_budget():
    w = a_user()
    for number in range(3):
        by = CurrentPassword(f"weighs 500: {number}")
        assert isinstance(w.calls.set_password("u1", "another one 99", by=by, context=w.context(next(addresses))), Refused)
    assert compared(w) == 1000


# --- no oracle --------------------------------------------------------------------------------------------------------


def heavy(password):
    """The guesses of the check weigh something each, in steps that cross an eighth; its right password does not."""
    return 0.0 if password == PASSWORD else MASS * (0.07 + 0.3 * password.endswith("7"))


def _of_before(place):
    """An account whose password was never looked at."""
    policy = place.world.policy
    place.account()
    stored = policy.hashing.hash(place.password, salt=bytes(16))
    taken = place.world.calls.admin.import_verifier(place.subject, stored, actor="kit", prepared=True)
    assert isinstance(taken, Imported), taken


OLD = (Kind(name="has a password of before the hit count", make=_of_before),)


def asking_ports(w):
    return {name: call for name, call in engine_operations(w).items() if name == "sign_in"}


@pytest.mark.parametrize(
    ("make", "outage"),
    [
        *((world, outage) for outage in Outage),
        (async_world, LockoutPolicy().on_outage),
        *(pytest.param(async_world, one, marks=pytest.mark.deep) for one in Outage if one is not LockoutPolicy().on_outage),
    ],
)
def test_nobody_can_tell_old_verifiers_from_new_ones_or_either_from_nobody(make, outage):
    lockout = LockoutPolicy(hits=HitCount(likelihood=heavy), on_outage=outage)
    policy = evolve(CHEAPEST, lockout=lockout)
    assert_no_oracle(lambda: make(policy=policy), operations=asking_ports, kinds=OLD)


@pytest.mark.parametrize("identifier", [IDENTIFIER, "nobody@example.org"])
def test_the_record_hears_of_every_eighth_for_somebody_and_for_nobody(identifier):
    class Counted(MemoryStore):
        commits = 0

        def commit(self, *args):
            self.commits += 1
            return super().commit(*args)

    w = a_user(store=Counted())
    commits = []
    for number in range(9):
        before = w.store.commits
        sign_in(w, f"weighs 64: {number}", identifier)
        commits.append(w.store.commits - before)
    assert commits == [0, 1, 0, 1, 0, 1, 0, 1, 0]


# --- when the world is broken -----------------------------------------------------------------------------------------


class Meters:
    """Meters that can be away, and be lost."""

    def __init__(self):
        self.real, self.down = MemoryStore(), False

    def charge(self, charges, now):
        if self.down:
            raise StoreUnavailable("The meters are away.", remedy="Bring them back.")
        return self.real.charge(charges, now)

    def settle(self, settlements, now):
        self.real.settle(settlements, now)

    def read(self, meters, now):
        return self.real.read(meters, now)

    def lose(self):
        self.real = MemoryStore()


def split(policy=POLICY):
    records, meters = MemoryStore(), Meters()
    w = a_user(policy=policy, store=SplitStore(records=records, meters=meters))
    w.meters = meters
    return w


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12), st.integers(0, 12))
def test_a_loss_of_all_meters_gives_less_than_an_eighth_more(weights, lost_after):
    w = split()
    for number, weight in enumerate([*weights, *range(400, 0, -40), *([1] * 5)]):
        if number == min(lost_after, len(weights)):
            w.meters.lose()
        sign_in(w, f"weighs {weight}: {number}")
    assert compared(w) < UNITS + PART


def test_the_record_hears_of_the_mass_anew_once_it_has_refilled():
    w = split()
    sign_in(w, "weighs 900: x")
    w.clock.advance(timedelta(days=35))
    sign_in(w, "weighs 200: y")
    w.clock.advance(timedelta(days=20))  # the 200 count still
    w.meters.lose()
    w.comparisons.clear()
    sign_in(w, f"weighs {UNITS - 100}: x")
    sign_in(w, f"weighs {UNITS - 200}: y")
    assert compared(w) == UNITS - 200


def test_while_processes_count_alone_nothing_that_weighs_is_compared_where_it_holds():
    w = split(evolve(POLICY, lockout=evolve(ROOMY, on_outage=Outage.LOCAL)))
    w.meters.down = True
    sign_in(w, "weighs 1: x")
    sign_in(w, "weighs 1: x")
    sign_in(w, "a rare one")
    assert [one.password for one in w.comparisons.guesses] == ["a rare one"]
    assert isinstance(sign_in(w, PASSWORD), SignedIn)


@pytest.mark.parametrize("answer", [None, "0.1", -0.1, 1.1, float("nan"), True, "raises"])
def test_a_likelihood_that_misbehaves_lets_nothing_be_compared_and_tells_no_password(answer):
    def misbehaves(password):
        if answer == "raises":
            raise ValueError(password)
        return answer

    w = a_user()
    w.restart(evolve(POLICY, lockout=evolve(ROOMY, hits=HitCount(likelihood=misbehaves))))
    with pytest.raises(PortError) as raised:
        sign_in(w, "a secret guess")
    assert "secret" not in f"{raised.value}{raised.value.__cause__}{raised.value.__context__}"
    assert not w.comparisons.all


def test_the_default_likelihood_is_asked_with_the_estimator_of_the_policy():
    asked = []

    def estimator(password, words):
        asked.append((password, words))
        return 2.0

    password = PasswordPolicy(rules=(Length(minimum=8),), estimator=estimator)
    w = a_user(policy=evolve(POLICY, password=password, lockout=evolve(ROOMY, hits=HitCount())))
    asked.clear()
    sign_in(w, "zq8!vRw0")
    assert asked == [("zq8!vRw0", ())]


def test_the_events_of_the_hit_count_name_it():
    w = a_user()
    sign_in(w, "weighs 300: x")
    w.deliver()
    assert [(one.lane, one.count) for one in w.sink.of(GuessesCounted)] == [(NAME, 300)]
    assert b"!" + NAME.encode() == mass.METER


# --- explained --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def explained():
    return LockoutPolicy(hits=HitCount()).explain()


@given(st.integers(1, 45), st.integers(0, 3600))
@settings(max_examples=20)
def test_the_probability_that_is_told_is_what_knocking_brings_and_no_more(days, late):
    """Who makes the heaviest guess there is every few hours for 90 days, each time another one, the owner in between."""
    wide = Rungs(free=1000, first=timedelta(minutes=1), longest=timedelta(minutes=1), stop=1000, window=30 * DAY)
    one = Account(evolve(ROOMY, hits=evolve(HITS, window=timedelta(days=days)), month=wide))
    lengths = [timedelta(days=number) for number in (1, 30, 60, 90)]
    told = probable(one.policy, lengths, [0] * 4)
    start = one.now
    for number in range(4 * 90):
        one.now = start + number * 6 * 3600 * 1_000_000 + late * 1_000_000
        one.owner()
        one.guess(UNITS, number)
        one.settle(0)
    for length, bound in zip(lengths, told, strict=True):
        knocked = sum(at < start + length / timedelta(microseconds=1) for at in one.compared.values())
        assert knocked <= round(bound / MASS) <= knocked + 1


def test_what_weighs_nothing_is_told_as_half_a_unit_a_guess(explained):
    masses = (1, 1, 1, 1, 13)
    guesses = explained.returning.guesses
    assert explained.probable == pytest.approx([MASS * (n + g / UNITS / 2) for n, g in zip(masses, guesses, strict=True)])


def test_the_guesses_of_every_attacker_are_those_without_it(explained):
    assert [one.guesses for one in explained.courses] == [one.guesses for one in LockoutPolicy().explain().courses]


def test_without_one_nothing_is_said_of_it():
    without = LockoutPolicy().explain()
    assert without.probable is None
    assert "hit count" not in f"{without}{without.svg()}"


def test_the_words_and_the_picture_say_what_it_allows_for_whom_and_what_a_loss_costs(explained):
    said = str(explained)
    assert max(map(len, said.splitlines())) <= 100
    flat = " ".join(said.split())
    assert "0.026 % of people have within 30 days" in flat
    assert "no likelier than 0.0031 %" in flat
    assert "less than an eighth of the hit count" in flat
    assert "hit count: 0.026 % in 30 days" in explained.svg()


def test_the_command_explains_a_preset_with_a_hit_count(capsys):
    assert main(["lockout", "--hits", "0.000244140625"]) == 0
    assert "0.026 % of people" in " ".join(capsys.readouterr().out.split())
    assert main(["lockout", "--hits", "1"]) == 2
    assert "mass is 1" in capsys.readouterr().err


def test_the_knobs_of_a_policy_show_it():
    found = {knob.name: knob for knob in knobs(evolve(CHEAPEST, lockout=LockoutPolicy(hits=HitCount())))}
    assert found["lockout.hits"].value == "0.024 % in 30 days"
    assert all(found[f"lockout.hits.{name}"].meaning for name in ("mass", "window", "likelihood"))
    assert all(found[f"lockout.hits.{name}"].source for name in ("mass", "window", "likelihood"))


def test_a_verifier_of_schema_1_is_one_that_nobody_looked_at():
    verifier = Verifier(sealed=b"s", born=1, preparation=1, since=datetime(2026, 1, 1, tzinfo=UTC))
    was = {"sealed": b"s", "born": 1, "preparation": 1, "since": verifier.since}
    body = {"incarnation": b"i" * 16, "epoch": 1, "verifier": was}
    read = decode_record(bytes([1]) + msgspec.msgpack.encode(body))
    assert read.verifier == verifier
    assert not HITS.holds_for(read.verifier)
