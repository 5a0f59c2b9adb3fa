"""Nobody learns from an answer, its work or its errors whether somebody exists (I31)."""

import pytest
from attrs import evolve
from tests.museum.guesses import wrong
from tests.museum.harness import NEW, SHORT, address, exhibit

from acctsec import (
    Admin,
    Keyring,
    RecoveryCode,
    Refused,
    ResetCode,
    ResetRequested,
    SignedIn,
)
from acctsec.testing.world import IDENTIFIER, PASSWORD

NOBODY = "nobody@example.org"


def stopped(w):
    """Guess until the strangers' lane has stopped."""
    for number in range(52):
        w.engine.sign_in(IDENTIFIER, wrong(1000 + number), context=w.context(address(number)))
        w.clock.advance(minutes=31)


SUBJECTS = {
    "wrong password": lambda w: w.sign_up(),
    "with a factor": lambda w: w.guarded(),
    "without a password": lambda w: w.sign_up(password=None),
    "without a record or a password, and unverified": lambda w: w.sign_up(password=None, addresses=()),
    "unverified": lambda w: w.sign_up(addresses=()),
    "disabled by the platform": lambda w: (w.sign_up(), w.directory.change("u1", status="disabled")),
    "disabled by an administrator": lambda w: (w.sign_up(), w.engine.admin.disable("u1", actor="root")),
    "privileged": lambda w: w.sign_up(groups={"staff", "admins"}),
    "has to change it": lambda w: (w.sign_up(), w.engine.admin.require_password_change("u1", actor="root")),
    "set by an administrator": lambda w: (w.sign_up(), w.engine.set_password("u1", NEW, by=Admin("root"), context=w.context())),
    "with live resets": lambda w: (w.sign_up(), [w.reset_link() for _ in range(3)]),
    "with many sessions": lambda w: (w.sign_up(), [w.sign_in() for _ in range(40)]),
    "signed in again and again": lambda w: (w.sign_up(), [w.sign_in() for _ in range(3)]),
    "ambiguous": lambda w: (w.sign_up(), w.sign_up("u2", "ALICE@example.org")),
    "erased": lambda w: (w.sign_up(), w.engine.admin.erase("u1", actor="root")),
}


def compared(w, attempts):
    """The same attempts at somebody and at nobody, from sources of their own: outcome and port calls of each."""
    seen = []
    for name, offset in ((IDENTIFIER, 0), (NOBODY, 5000)):
        sources = [w.context(address(offset + number)) for number in range(len(attempts))]
        tries = zip(attempts, sources, strict=True)
        seen.append([w.observe(lambda a=a, name=name, here=here: a(name, here)) for a, here in tries])
    return seen


@pytest.mark.parametrize("subject", SUBJECTS)
def test_m181_every_kind_of_subject_costs_what_nobody_costs(w, subject):
    """Thirty wrong passwords: equal outcomes, port calls in the same order, hashes of the same cost, as many flushes."""
    SUBJECTS[subject](w)
    attempts = [lambda name, here, n=n: w.engine.sign_in(name, wrong(n), context=here) for n in range(30)]

    somebody, nobody = compared(w, attempts)

    assert somebody == nobody
    assert {type(outcome) for outcome, _ in somebody} == {Refused}
    assert sum(call[0] in {"verify", "hash"} for _, calls in somebody for call in calls) == 30


def test_m181_a_stopped_account_costs_what_nobody_costs(w):
    """After the hard stop: one decoy of the usual cost an attempt, with the wrong password and with the right one."""
    w.sign_up()
    stopped(w)
    for number in range(52):
        w.engine.sign_in(NOBODY, wrong(1000 + number), context=w.context(address(7000 + number)))
        w.clock.advance(minutes=31)
    passwords = [wrong(1), PASSWORD, wrong(2), PASSWORD]
    attempts = [lambda name, here, p=p: w.engine.sign_in(name, p, context=here) for p in passwords]

    somebody, nobody = compared(w, attempts)

    assert somebody == nobody
    assert [outcome for outcome, _ in somebody] == [Refused()] * 4


def test_m181_the_whole_way_to_the_stop_is_the_same(w):
    """Two days of guesses, through every rung: each attempt at somebody costs exactly what the same at nobody costs."""
    w.sign_up()
    seen = []
    for name, offset in ((IDENTIFIER, 0), (NOBODY, 5000)):
        w.clock.now = w.clock.now.replace(day=6 if offset else 5)
        steps = []
        for number in range(56):
            here = w.context(address(offset + number))
            steps.append(w.observe(lambda n=number, name=name, here=here: w.engine.sign_in(name, wrong(n), context=here)))
            w.clock.advance(minutes=31)
        seen.append(steps)

    assert [number for number, (one, other) in enumerate(zip(*seen, strict=True)) if one != other] == []


def test_m181_the_right_password_of_a_disabled_account_costs_what_a_wrong_one_costs(place):
    """Also when its hash is due to be renewed: disabled is not told, and not shown by a second hash."""
    w = exhibit(place)
    w.sign_up()
    w.directory.change("u1", status="disabled")
    stronger = evolve(SHORT, hashing=evolve(SHORT.hashing, time_cost=2))
    again = exhibit(place, policy=stronger, seed=1)
    again.directory.put(w.directory.get("", "u1"))
    again.keyring = w.keyring
    again.restart()

    right = again.observe(lambda: again.engine.sign_in(IDENTIFIER, PASSWORD, context=again.context(address(1))))
    wrong_one = again.observe(lambda: again.engine.sign_in(IDENTIFIER, NEW, context=again.context(address(2))))

    assert right == wrong_one
    assert right[0] == Refused()


def test_m184_only_the_source_is_told_to_wait_and_nobody_like_somebody(w):
    """From one source the waiting times are equal for a known and an unknown name; from others there is never one."""
    w.sign_up()
    times = {}
    for name, source in ((IDENTIFIER, "203.0.113.1"), (NOBODY, "203.0.113.2")):
        w.clock.now = w.clock.now.replace(hour=10, minute=0)
        seen = []
        for number in range(12):
            seen.append(w.engine.sign_in(name, wrong(number), context=w.context(source)))
            w.clock.advance(seconds=17)
        seen += [w.engine.sign_in(name, wrong(50 + number), context=w.context(address(number))) for number in range(20)]
        times[name] = seen

    assert times[IDENTIFIER] == times[NOBODY]
    waits = [one.retry_after for one in times[IDENTIFIER]]
    assert any(waits[:12])
    assert not any(waits[12:])


def test_m184_a_lock_of_the_account_is_told_to_no_stranger(w):
    """The owner's lane is full: a stranger's first attempt, right or wrong, is answered as if it were not."""
    w.sign_up()
    for number in range(10):
        w.engine.sign_in(IDENTIFIER, wrong(number), context=w.context(address(number)))

    assert w.engine.sign_in(IDENTIFIER, wrong(99), context=w.context(address(100))) == Refused()
    assert w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(101))) == Refused()
    assert w.engine.sign_in(NOBODY, PASSWORD, context=w.context(address(102))) == Refused()


@pytest.mark.parametrize(
    "subject", ["wrong password", "with a factor", "without a password", "disabled by an administrator", "erased"]
)
def test_m186_a_reset_is_asked_for_and_redeemed_alike(w, subject):
    """Requests, wrong codes and wrong recovery codes: the same answers and the same calls, known or not."""
    SUBJECTS[subject](w)
    handles = {name: w.engine.request_reset(name, context=w.context(address(900))).handle for name in (IDENTIFIER, NOBODY)}
    w.deliver()
    attempts = [lambda name, here: evolve(w.engine.request_reset(name, context=here), handle="")]
    attempts += [
        lambda name, here, n=n: w.engine.redeem_reset(ResetCode(handles[name], f"{n:08d}"), NEW, context=here) for n in range(9)
    ]
    attempts += [
        lambda name, here, n=n: w.engine.redeem_reset(RecoveryCode(f"{n:04d}-0000-0000-0000", handles[name]), NEW, context=here)
        for n in range(9)
    ]

    somebody, nobody = compared(w, attempts)

    assert somebody == nobody
    assert {type(outcome) for outcome, _ in somebody} == {ResetRequested, Refused}
    assert len({len(handle) for handle in handles.values()}) == 1


def test_m186_a_request_looks_nobody_up(w):
    """Asking for a reset touches meters and the outbox alone; who it is about is found where nobody is watching."""
    w.sign_up()
    for name in (IDENTIFIER, NOBODY, "alice", "x" * 200):
        _, calls = w.observe(lambda name=name: w.engine.request_reset(name, context=w.context(address(len(name)))))
        assert not {"find", "get", "load"} & {call[0] for call in calls}


def test_m186_the_entry_in_the_outbox_has_one_size(w):
    """Whatever was typed, and whoever it is, a request leaves as many bytes."""
    w.sign_up()
    for number, name in enumerate((IDENTIFIER, NOBODY, "a", "x" * 254, "é" * 120)):
        w.engine.request_reset(name, context=w.context(address(number)))
    sizes = {len(entry) for call in w.trace if call[0] == "commit" and call[1][2] is None for entry in call[1][3]}

    assert len(sizes) == 1


def test_m188_disabled_is_told_to_nobody(w):
    """A disabled account answers to the right password, a wrong one and any source like an unknown one."""
    w.sign_up()
    w.engine.admin.disable("u1", actor="root")
    passwords = [wrong(1), PASSWORD, wrong(2), PASSWORD, wrong(3)]
    attempts = [lambda name, here, p=p: w.engine.sign_in(name, p, context=here) for p in passwords]

    somebody, nobody = compared(w, attempts)

    assert somebody == nobody


@pytest.mark.parametrize("password", ["x" * 73, "x\0y", "\ud800", "x" * 5000, "", "é" * 600, "x" * 1024, "x" * 1025])
def test_m189_an_odd_password_is_no_oracle(w, password):
    """Longer than a hash takes, with a NUL, a lone surrogate, megabytes: one answer and one amount of work for everybody."""
    w.sign_up()
    attempts = [lambda name, here: w.engine.sign_in(name, password, context=here)]

    somebody, nobody = compared(w, attempts)

    assert somebody == nobody
    assert somebody[0][0] == Refused()


def test_m189_a_damaged_verifier_is_no_oracle(w):
    """A stored hash that cannot be opened or read costs one decoy, and answers like a wrong password."""
    w.sign_up()
    foreign = Keyring(sealing=[bytes(range(9, 41))], index=[w.keys[1]], entropy=w.entropy)
    w.restart(keyring=foreign)
    attempts = [lambda name, here: w.engine.sign_in(name, PASSWORD, context=here) for _ in range(2)]

    somebody, nobody = compared(w, attempts)

    assert somebody == nobody


def test_m181_new_index_keys_tell_nobody_apart(w):
    """While index keys rotate, in the middle of a siege, the rungs come at the same guess for somebody and nobody."""
    w.sign_up()
    names = ((IDENTIFIER, 0), (NOBODY, 5000))
    for name, offset in names:
        for number in range(8):
            w.engine.sign_in(name, wrong(number), context=w.context(address(offset + number)))
    both = Keyring(sealing=[w.keys[0]], index=[bytes(range(5, 37)), w.keys[1]], entropy=w.entropy)
    w.restart(keyring=both)

    attempts = [lambda name, here, n=n: w.engine.sign_in(name, wrong(100 + n), context=here) for n in range(6)]
    somebody, nobody = compared(w, attempts)

    assert somebody == nobody


def test_the_comparison_sees_a_difference(w):
    """The harness itself: a right password, or one hash more, is seen as different."""
    w.sign_up()
    attempts = [lambda name, here: w.engine.sign_in(name, PASSWORD, context=here)]
    somebody, nobody = compared(w, attempts)
    assert somebody[0][0] != nobody[0][0]
    assert isinstance(somebody[0][0], SignedIn)
