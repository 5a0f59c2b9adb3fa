"""What an owner mistyped before he got it right is taken back, and whoever guesses near him gains little by it."""

from collections import Counter
from contextlib import closing
from datetime import timedelta
from itertools import count

import pytest
from attrs import evolve
from tests.places import STORES

from acctsec import (
    CHEAPEST,
    CurrentPassword,
    FactorRequired,
    LockoutPolicy,
    MemoryStore,
    Refused,
    SignedIn,
    SplitStore,
    StoreUnavailable,
)
from acctsec._blocking import run
from acctsec._codec import decode_record
from acctsec.keyring import Keyring, frame
from acctsec.lockout import TYPOS, Outage, Repeats, SecretClass, month_of
from acctsec.protocols import Settle
from acctsec.testing.world import IDENTIFIER, PASSWORD, world

NEAR = [PASSWORD[:at] + PASSWORD[at + 1 :] for at in range(len(PASSWORD))]
FAR = [f"nothing like it {number}" for number in range(200)]
MONTH = b"!" + month_of(SecretClass.PASSWORD).encode()
DAY = timedelta(days=1)
MOST_TYPOS = 20  # a fifth of the month


class Later:
    """What was to be done later, done when the test says so."""

    def __init__(self, w):
        self.works, self.room = [], True
        self.watch(w)

    def watch(self, w):
        w.engine._flows.core.ports.later = self

    def __call__(self, begin):
        if self.room:
            self.works.append(begin)
        return self.room

    def run(self):
        while self.works:
            run(self.works.pop(0)())


def made(store=None, policy=CHEAPEST, *, places=None, kind=None):
    w = world(policy=policy, store=places.fresh(kind).open() if kind else store)
    w.sign_up()
    w.later = Later(w)
    w.number = 0
    return w


def guess(w, typed, **facts):
    """From a source of its own, by default."""
    w.number += 1
    facts.setdefault("address", f"198.18.{w.number // 250}.{w.number % 250 + 1}")
    return w.engine.sign_in(IDENTIFIER, typed, context=w.context(**facts))


def fail(w, *typed, **facts):
    for one in typed:
        assert guess(w, one, **facts) == Refused()


def sign_in(w, **facts):
    """The owner, on a browser that nobody knows, and then what was left for later."""
    outcome = guess(w, PASSWORD, **facts)
    w.later.run()
    return outcome


def months(w):
    """What the months of the subject hold, one an index key."""
    core = w.engine._flows.core
    lockout, record = w.policy.lockout, the_record(w)
    names = ("subject", "", "u1", record.incarnation, record.meters.to_bytes(8, "big"))
    rows = [w.keyring.digest("subject row", *names, key=key)[:16] for key in range(w.keyring.index_count)]
    return w.store.read([(row, MONTH, lockout.month.ladder(lockout.lease)) for row in rows], core.instant())


def month(w):
    return months(w)[0].count


def the_record(w):
    return decode_record(w.store.load(frame("subject", "", "u1"))[0])


def point(w):
    return the_record(w).checkpoint(month_of(SecretClass.PASSWORD))


@pytest.fixture(params=STORES)
def w(request, places):
    with closing(places.fresh(request.param)) as place:
        yield made(place.open())


# --- what is forgiven -------------------------------------------------------------------------------------------------


def test_slips_are_forgiven_in_the_month_once_the_owner_is_in(w):
    """And nothing else is; a slip that is typed again counts again."""
    fail(w, *NEAR[:3], *FAR[:4], PASSWORD.swapcase(), PASSWORD + " ")
    assert month(w) == 9

    assert isinstance(sign_in(w), SignedIn)
    assert month(w) == 4
    fail(w, NEAR[0])
    assert month(w) == 5


def test_a_slip_that_is_repeated_is_forgiven_once(w):
    fail(w, NEAR[0], NEAR[0], FAR[0], NEAR[0])
    assert month(w) == 2
    for _ in range(3):
        sign_in(w)
        assert month(w) == 1


def test_both_rows_are_forgiven_while_index_keys_rotate(w):
    """Each knows a secret by a name of its own."""
    old, new = bytes(range(32)), bytes(range(1, 33))
    w.keyring = Keyring(sealing=w.keyring._sealing, index=[old], entropy=w.entropy)
    w.restart(keyring=w.keyring)
    w.later.watch(w)
    fail(w, NEAR[0], FAR[0])
    w.restart(keyring=Keyring(sealing=w.keyring._sealing, index=[new, old], entropy=w.entropy))
    w.later.watch(w)
    fail(w, NEAR[1], NEAR[2], FAR[1])
    assert [one.count for one in months(w)] == [3, 5]

    assert isinstance(sign_in(w), SignedIn)
    assert [one.count for one in months(w)] == [1, 2]


def test_the_record_forgets_no_more_than_every_row_did():
    """One row is younger than the other, and remembers fewer: what the record knows is for the row that holds more."""
    w = made()
    old, new = bytes(range(32)), bytes(range(1, 33))
    w.restart(keyring=Keyring(sealing=w.keyring._sealing, index=[old], entropy=w.entropy))
    w.later.watch(w)
    failed_often(w, 5, 5)
    guess(w, PASSWORD)
    w.later.works.clear()
    w.restart(keyring=Keyring(sealing=w.keyring._sealing, index=[new, old], entropy=w.entropy))
    w.later.watch(w)
    fail(w, *NEAR[5:8])
    before, rows = point(w).count, [one.count for one in months(w)]
    sign_in(w)

    assert [was - one.count for was, one in zip(rows, months(w), strict=True)] == [3, 8]
    assert before == point(w).count == months(w)[0].count


def test_nothing_is_looked_for_where_processes_count_alone():
    """What they hold is gone before it is a month old."""
    store = Watched()
    w = made(store, policy=evolve(CHEAPEST, lockout=LockoutPolicy(on_outage=Outage.LOCAL)))
    store.broken = "charge"
    fail(w, NEAR[0])
    assert isinstance(guess(w, PASSWORD), SignedIn)

    assert w.later.works == []


def test_nothing_is_forgiven_before_the_factor_is_proven():
    """Nor after it: the password is gone by then."""
    w = made()
    w.enroll(w.sign_in().session)
    fail(w, *NEAR[:2])

    assert isinstance(sign_in(w), FactorRequired)
    assert month(w) == 2
    assert w.later.works == []


def test_nothing_is_looked_for_where_nothing_failed_or_on_a_known_device():
    """It costs a sign-in nothing that has nothing to forgive."""
    w = made()
    assert isinstance(guess(w, PASSWORD), SignedIn)
    assert w.later.works == []
    device = w.sign_in().device
    w.later.run()
    fail(w, FAR[0])
    assert isinstance(guess(w, PASSWORD, device=device), SignedIn)
    assert w.later.works == []


@pytest.mark.parametrize("trouble", ["no room", "no meters", "no pool"])
def test_where_it_does_not_come_to_that_what_was_counted_is_counted(trouble):
    """Silently: nobody is there to be told, and the sign-in is over."""
    w = made()
    fail(w, *NEAR[:3])
    w.later.room = trouble != "no room"
    assert isinstance(guess(w, PASSWORD), SignedIn)
    ports = w.engine._flows.core.ports
    meters, offload = ports.meters, ports.offload
    if trouble == "no meters":
        ports.meters = None
    if trouble == "no pool":
        ports.offload = None
    w.later.run()
    ports.meters, ports.offload = meters, offload

    assert month(w) == 3


@pytest.mark.parametrize("meanwhile", ["erased", "unlocked", "changed"])
def test_nothing_of_another_life_is_forgiven(meanwhile):
    """The meters of before are out of reach, and so is what was known by the names of before."""
    store = Watched()
    w = made(store)
    fail(w, *NEAR[:3])
    assert isinstance(guess(w, PASSWORD), SignedIn)
    match meanwhile:
        case "erased":
            w.engine.admin.erase("u1", actor="ops")
            w.sign_up()
        case "unlocked":
            w.engine.admin.unlock("u1", actor="ops")
        case "changed":
            new = "quite another otter 97"
            w.engine.set_password("u1", new, by=CurrentPassword(PASSWORD), context=w.context())
            assert the_record(w).epoch == 2
    store.calls.clear()
    w.later.run()

    assert store.calls == []


def test_nothing_is_forgiven_where_repeats_count():
    """Then nothing is remembered by what was typed, and nothing is looked for."""
    w = made(policy=evolve(CHEAPEST, lockout=LockoutPolicy(repeats=Repeats.COUNT)))
    fail(w, NEAR[0], NEAR[0])

    assert isinstance(guess(w, PASSWORD), SignedIn)
    assert w.later.works == []
    assert month(w) == 2


def test_a_phantom_is_forgiven_nothing():
    """It never succeeds, so there is nothing to tell it by."""
    w = made()
    for typed in NEAR[:3]:
        w.engine.sign_in("nobody@example.org", typed, context=w.context())

    assert w.later.works == []


# --- who may see it ---------------------------------------------------------------------------------------------------


def test_a_source_and_a_pair_are_forgiven_nothing():
    """Or whoever is behind them would see by the refund that a guess was near."""
    near, far = made(), made()
    for w, typed in ((near, NEAR), (far, FAR)):
        fail(w, *typed[:4], address="203.0.113.9")
        sign_in(w)
    outcomes = [[guess(w, one, address="203.0.113.9") for one in FAR[10:14]] for w in (near, far)]

    assert outcomes[0] == outcomes[1]
    assert isinstance(outcomes[0][-1], Refused)
    assert outcomes[0][-1].retry_after


def test_only_the_month_and_what_was_forgiven_of_it_are_touched():
    """Seen at the store: whatever is settled so is in the subject's row."""
    store = Watched()
    w = made(store)
    fail(w, *NEAR[:3])
    assert isinstance(guess(w, PASSWORD), SignedIn)
    store.calls.clear()
    w.later.run()

    names = [(method, one.meter) for method, asked in store.calls for one in asked]
    assert Counter(names) == {("charge", TYPOS): 1, ("settle", MONTH): 3}
    assert len({one.slot for _, asked in store.calls for one in asked}) == 1
    assert {one.verdict for method, asked in store.calls if method == "settle" for one in asked} == {Settle.FORGIVE}


def test_nothing_of_the_password_is_at_rest_meanwhile_or_afterwards():
    """It is where the work is, and goes with it."""
    w = made()
    fail(w, NEAR[0])
    assert isinstance(guess(w, PASSWORD), SignedIn)
    for _ in range(2):
        kept = repr((w.store._records, w.store._outbox, w.store._rows)).encode()
        assert all(one.encode() not in kept for one in (PASSWORD, NEAR[0]))
        w.later.run()


# --- what it is good for, to whom it should not be --------------------------------------------------------------------


def test_whoever_guesses_near_the_password_gains_a_bounded_number_of_guesses():
    """
    The owner comes in again and again, each time everything near is forgiven, up to a fifth of the month in its length.

    Every guess is still one that was compared, distinct, and wrong: the month admits its stop and so many more.
    """
    w = made()
    w.comparisons.clear()
    tweaks = [PASSWORD[:at] + key + PASSWORD[at:] for key in "xyzw0123" for at in range(len(PASSWORD))]
    tried = 0
    for number, typed in enumerate(tweaks):
        if number % 5 == 0:
            w.clock.advance(timedelta(minutes=31))
            sign_in(w)
        guess(w, typed)
        tried += 1
    wrong = {one.password for one in w.comparisons.guesses} - {PASSWORD}

    assert len(wrong) == w.policy.lockout.month.stop + MOST_TYPOS
    assert tried > len(wrong)


def test_a_narrow_month_forgives_little():
    """A fifth of what it allows: a policy that is strict stays so."""
    w = made(policy=evolve(CHEAPEST, lockout=LockoutPolicy(month=evolve(LockoutPolicy().month, free=10, stop=10))))
    fail(w, *NEAR[:5])
    sign_in(w)
    assert month(w) == 3
    fail(w, *NEAR[5:8])
    sign_in(w)
    assert month(w) == 6


def test_a_month_later_as_many_may_be_forgiven_again():
    w = made()
    for start in (0, 7, 14):
        fail(w, *NEAR[start : start + 7])
        sign_in(w)
    assert month(w) == 21 - MOST_TYPOS
    w.clock.advance(31 * DAY)
    fail(w, *NEAR[:7])
    sign_in(w)
    assert month(w) == 0


# --- the record -------------------------------------------------------------------------------------------------------


def failed_often(w, near, far):
    """So many failures that the record hears of them, with the lane cleared by the owner in between."""
    typed = [*NEAR[:near], *FAR[:far]]
    for start in range(0, len(typed), 9):
        w.later.room = False
        guess(w, PASSWORD)
        w.later.room = True
        fail(w, *typed[start : start + 9])


def test_the_record_forgets_with_its_meters_what_was_forgiven(w):
    """So that a loss of the meters does not bring it back."""
    failed_often(w, 8, 17)
    assert (month(w), point(w).count) == (25, 20)
    sign_in(w)

    assert (month(w), point(w).count) == (17, 12)


@pytest.mark.parametrize("kind", STORES)
def test_after_a_loss_of_the_meters_the_month_goes_on_where_the_record_stands(kind, places):
    """At most nine below what it held, as ever, and none of what was forgiven comes back."""
    with closing(places.fresh(kind)) as place:
        w = made(place.open())
        failed_often(w, 8, 17)
        sign_in(w)
        before = month(w)
        place.lose_meters()
        fail(w, FAR[100])

        assert before - 9 <= month(w) - 1 <= before


def test_after_a_loss_no_more_is_missing_however_often_something_was_forgiven():
    """What is forgiven between two steps of the record and fails anew is told by no step: the record may not go down each time."""
    w = made()
    failed_often(w, 0, 11)
    sign_in(w)
    for start in (0, 7):
        fail(w, *NEAR[start : start + 7])
        assert (month(w), point(w).count) == (18, 10)
        sign_in(w)

        assert (month(w), point(w).count) == (11, 10)


def test_a_checkpoint_that_moved_meanwhile_is_left_alone():
    """It is of after the forgiveness, or knows too much: taking from it could be too little."""
    w = made()
    failed_often(w, 8, 11)
    assert (month(w), point(w).count) == (19, 10)
    store = w.engine._flows.core.ports
    real = store.meters.settle

    async def settle(settlements, now):
        await real(settlements, now)
        if any(one.verdict is Settle.FORGIVE for one in settlements):
            store.meters.settle = real
            w.clock.advance(timedelta(seconds=1))
            fail(w, *FAR[100:109])  # nine more beside eleven: the record hears of the twentieth

    assert isinstance(guess(w, PASSWORD), SignedIn)
    store.meters.settle = settle
    w.later.run()

    assert (month(w), point(w).count) == (20, 20)


@pytest.mark.parametrize(("name", "at"), [("read", 0), ("read", 1), ("charge", 0), ("settle", 0)])
def test_two_sign_ins_at_once_forgive_once(name, at):
    """Whatever of the second comes between what the first does."""
    w = made()
    failed_often(w, 8, 17)
    for _ in range(2):
        assert isinstance(guess(w, PASSWORD), SignedIn)
    first, second = (begin() for begin in w.later.works)
    w.later.works.clear()
    meters = w.engine._flows.core.ports.meters
    call, turn = getattr(meters, name), count()

    async def interrupted(*args):
        answer = await call(*args)
        if next(turn) == at:
            run(second)
        return answer

    setattr(meters, name, interrupted)
    run(first)

    assert (month(w), point(w).count) == (17, 12)


@pytest.mark.parametrize("crash", ["charge", "settle", "commit"])
def test_a_crash_on_the_way_leaves_too_much_counted_never_too_little(crash):
    """In the month as in the record."""
    store = Watched()
    w = made(store)
    failed_often(w, 8, 17)
    assert isinstance(guess(w, PASSWORD), SignedIn)
    store.broken = crash
    w.later.run()
    store.broken = None

    assert (month(w), point(w).count) == {"charge": (25, 20), "settle": (25, 20), "commit": (17, 20)}[crash]


class Watched(SplitStore):
    """A store in memory whose changes of meters are written down, and which breaks where it is told."""

    def __init__(self):
        super().__init__(records=MemoryStore(), meters=MemoryStore())
        self.calls, self.broken = [], None

    def _asked(self, name):
        if name == self.broken:
            raise StoreUnavailable("It is away.", remedy="Bring it back.")

    def charge(self, charges, now):
        self._asked("charge")
        self.calls.append(("charge", charges))
        return super().charge(charges, now)

    def settle(self, settlements, now):
        self._asked("settle")
        self.calls.append(("settle", settlements))
        super().settle(settlements, now)

    def commit(self, *args):
        self._asked("commit")
        return super().commit(*args)
