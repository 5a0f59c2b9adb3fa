"""One password rule on every path, one verifier, and hashing that stays within its bounds (I27, I28, I29)."""

import base64
import hashlib
import hmac
import inspect
import time
import unicodedata
from datetime import timedelta
from threading import Lock

import pytest
from attrs import evolve, field, frozen
from tests.museum.harness import NEW, OTHERS, SHORT, Exhibit, address, exhibit, kinds, par

from acctsec import (
    Admin,
    ChangeTicket,
    CurrentPassword,
    Engine,
    EnrollmentStarted,
    FreshSession,
    Initial,
    PasswordChanged,
    PasswordPolicy,
    PasswordRejected,
    RecoveryCodes,
    Refused,
    ResetCode,
    ResetLink,
    SignedIn,
    TryAgain,
)
from acctsec.hashing import Argon2Parameters
from acctsec.hashing.phc import parse
from acctsec.identifiers import canonical
from acctsec.testing.doubles import InstrumentedHashing
from acctsec.testing.world import IDENTIFIER, PASSWORD, world

ADVERSARIAL = ["a" * 254, "a@" + "b." * 126, "a." * 120 + "@b", "@" * 254, "(" * 254, "a" * 64 + "@" + "-" * 189, "1-" * 127]
ADVERSARIAL += [
    "é" * 127,
    "e\u0301" * 127,
    "\u0301\u0316" * 127,
    "+" + "1" * 253,
    "xn--" + "a" * 250,
    "a@xn--" + "a" * 248,
    " " * 254,
]


@frozen(kw_only=True)
class Slow(InstrumentedHashing):
    """Hashes that take a while, and how many there were at once."""

    state: dict = field(factory=lambda: {"now": 0, "most": 0}, eq=False, repr=False)
    lock: object = field(factory=Lock, eq=False, repr=False)

    def verify(self, stored, password):
        self._rest()
        return super().verify(stored, password)

    def spend(self, stored, password):
        self._rest()
        super().spend(stored, password)

    def _rest(self):
        with self.lock:
            self.state["now"] += 1
            self.state["most"] = max(self.state["most"], self.state["now"])
        time.sleep(0.005)
        with self.lock:
            self.state["now"] -= 1


@pytest.mark.parametrize("name", [IDENTIFIER, "nobody@example.org"])
def test_m159_a_flood_of_sign_ins_never_hashes_more_than_its_permits(name):
    """A hundred and twenty at once, two permits, a queue of twenty: two hash at a time, the rest wait or are told to come again."""
    knobs = {one: getattr(SHORT.hashing, one) for one in SHORT.hashing.__slots__ if not one.startswith("__")}
    hashing = Slow(**{**knobs, "permits": 2, "queue": 20})
    w = world(policy=evolve(SHORT, hashing=hashing))
    w.sign_up()

    outcomes = par(*(lambda n=n: w.engine.sign_in(name, PASSWORD, context=w.context(address(n))) for n in range(120)))

    assert hashing.state["most"] == 2
    counted = kinds(outcomes)
    assert set(counted) <= {"SignedIn", "Refused", "TryAgain"}
    assert counted["TryAgain"] > 0
    assert all(one.retry_after > timedelta(0) for one in outcomes if isinstance(one, TryAgain))


@pytest.mark.parametrize("typed", ADVERSARIAL, ids=range(len(ADVERSARIAL)))
def test_m161_an_identifier_is_read_in_no_time(typed):
    """Dots, dashes, brackets and combining marks at full length: under five milliseconds, and a megabyte not at all."""
    for text in (typed, typed * 4000):
        started = time.process_time()
        for _ in range(10):
            canonical(text)
        assert time.process_time() - started < 0.05


def fast_functions(password, name):
    """What careless systems stored beside a proper hash."""
    inputs = [
        password,
        password.lower(),
        name + password,
        name.lower() + "::" + password.lower(),
        password + name,
        password[::-1],
    ]
    keys = [b"", b"secret", name.encode(), b"acctsec", bytes(32)]
    for one in inputs:
        raw = one.encode()
        for algorithm in ("md5", "sha1", "sha256", "sha512", "blake2b"):
            yield hashlib.new(algorithm, raw).digest()
            yield from (hmac.digest(key, raw, algorithm) for key in keys)


def test_m164_one_verifier_and_nothing_quicker_lies_in_the_store(w, place):
    """After sign-ins, changes and guesses no digest of the password is at rest, raw, in hex or in base64."""
    w.sign_up()
    w.sign_in()
    w.engine.sign_in(IDENTIFIER, OTHERS[0], context=w.context(address(1)))
    w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())
    dump = place.dump()

    for password in (PASSWORD, NEW, OTHERS[0]):
        for name in ("u1", IDENTIFIER):
            for digest in fast_functions(password, name):
                assert digest[:12] not in dump
                assert digest.hex()[:24].encode() not in dump
                assert base64.b64encode(digest)[:16] not in dump
    assert b"$argon2" not in dump  # sealed, as everything that could be guessed at


def stored(w, subject="u1"):
    """The parameters of a subject's verifier, as it lies in the store."""
    from acctsec._codec import decode_record
    from acctsec.hashing.compact import unpacked
    from acctsec.keyring import frame

    value, _ = w.store.load(frame("subject", "", subject))
    sealed = decode_record(value).verifier.sealed
    return parse(unpacked(w.keyring.open("verifier", sealed, "", subject))).parameters


def with_cost(place, w, seed=7, **cost):
    """Another release of the deployment that asks for hashes of another cost."""
    again = exhibit(place, policy=evolve(SHORT, hashing=evolve(SHORT.hashing, **cost)), seed=seed)
    again.directory.put(w.directory.get("", "u1"))
    again.keyring, again.clock = w.keyring, w.clock
    again.restart()
    return again


def test_m166_a_renewed_hash_never_overwrites_a_newer_password(place):
    """A sign-in with the old password stands before its renewal while a reset goes through: only the new password works."""
    w = exhibit(place)
    w.sign_up()
    link = w.reset_link()
    late = with_cost(place, w, time_cost=2)

    def meanwhile(name, args):
        if name == "commit" and args[2] is not None:
            late.store.before = lambda *_: None
            assert isinstance(w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()), PasswordChanged)

    late.store.before = meanwhile
    outcome = late.engine.sign_in(IDENTIFIER, PASSWORD, context=late.context(address(3)))

    assert not isinstance(outcome, SignedIn)
    assert isinstance(w.engine.sign_in(IDENTIFIER, NEW, context=w.context()), SignedIn)
    assert w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()) == Refused()


def test_m167_no_operation_makes_a_stored_hash_weaker(place):
    """Under a policy of lower cost, sign-ins leave the stronger hash as it is; under one of higher cost they renew it."""
    w = exhibit(place)
    w.sign_up()
    assert stored(w) == Argon2Parameters(memory_kib=8, time_cost=1)

    stronger = with_cost(place, w, memory_kib=64, time_cost=2)
    assert isinstance(stronger.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)
    assert stored(w) == Argon2Parameters(memory_kib=64, time_cost=2)

    for number in range(3):
        assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(number))), SignedIn)
    assert stored(w) == Argon2Parameters(memory_kib=64, time_cost=2)


def test_m167_a_renewal_of_one_sign_in_fails_no_other(place):
    """Eight sign-ins at once, each of which would renew the hash: all succeed, and the result is the stronger one."""
    w = exhibit(place)
    w.sign_up()
    stronger = with_cost(place, w, time_cost=3)

    outcomes = par(*(lambda n=n: stronger.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(n))) for n in range(8)))

    assert kinds(outcomes) == {"SignedIn": 8}
    assert stored(w).time_cost == 3


# --- history ----------------------------------------------------------------------------------------------------------


def remembering(place, history, seed=0) -> Exhibit:
    """A world whose policy remembers so many earlier passwords."""
    return exhibit(place, policy=evolve(SHORT, password=PasswordPolicy(history=history)), seed=seed)


def paths(w, current):
    """Every way to set a password, as a function of the new one."""
    engine, here = w.engine, w.context()

    def by_ticket(new):
        w.engine.admin.require_password_change("u1", actor="root")
        ticket = engine.sign_in(IDENTIFIER, current, context=w.context(address(77))).ticket
        return engine.set_password("u1", new, by=ChangeTicket(ticket), context=here)

    def by_session(new):
        session = engine.sign_in(IDENTIFIER, current, context=w.context(address(78))).session
        return engine.set_password("u1", new, by=FreshSession(session), context=here)

    def by_code(new):
        handle = engine.request_reset(IDENTIFIER, context=w.context(address(79))).handle
        w.deliver()
        return engine.redeem_reset(ResetCode(handle, w.messenger.code), new, context=here)

    return {
        "current password": lambda new: engine.set_password("u1", new, by=CurrentPassword(current), context=here),
        "administrator": lambda new: engine.set_password("u1", new, by=Admin("root"), context=here),
        "fresh session": by_session,
        "reset link": lambda new: engine.redeem_reset(ResetLink(w.reset_link()), new, context=here),
        "reset code": by_code,
        "change ticket": by_ticket,
    }


@pytest.mark.parametrize(
    "path", ["current password", "administrator", "fresh session", "reset link", "reset code", "change ticket"]
)
def test_m169_no_path_takes_the_current_password_or_an_earlier_one(place, path):
    """Current, last and second to last, also spelt canonically equal: refused as reused; a weak one is refused alike."""
    w = remembering(place, 2)
    w.sign_up(password="crème brûlée für Ångström 63")
    for new in OTHERS[:2]:
        w.engine.redeem_reset(ResetLink(w.reset_link()), new, context=w.context())
        w.clock.advance(days=2)
    w.engine.set_password("u1", OTHERS[1] + "x", by=CurrentPassword(OTHERS[1]), context=w.context())
    w.clock.advance(days=2)
    current = OTHERS[1] + "x"
    for past in (current, OTHERS[1], OTHERS[0], unicodedata.normalize("NFD", OTHERS[0])):
        outcome = paths(w, current)[path](past)
        assert [one.code for one in outcome.objections] == ["reused"], past
        w.clock.advance(days=2)

    weak = paths(w, current)[path]("password")
    assert isinstance(weak, PasswordRejected)
    assert isinstance(paths(w, current)[path](NEW), PasswordChanged)


@pytest.mark.parametrize("history", [1, 5, 24])
def test_m169_the_history_is_not_flushed_by_rapid_changes(place, history):
    """Whoever changes his password as often as the policy remembers, within a day, does not get the old one back."""
    w = remembering(place, history)
    w.sign_up()
    w.clock.advance(days=300)
    current = PASSWORD
    for number in range(history + 3):
        new = f"{OTHERS[number % 8]} {number}"
        outcome = w.engine.set_password("u1", new, by=CurrentPassword(current), context=w.context(address(number)))
        if not isinstance(outcome, PasswordChanged):
            assert isinstance(outcome, TryAgain)
            assert number >= 24
            break
        current = new
        w.clock.advance(minutes=5)

    back = w.engine.set_password("u1", PASSWORD, by=CurrentPassword(current), context=w.context())
    assert isinstance(back, TryAgain) or [one.code for one in back.objections] == ["reused"]
    w.clock.advance(days=2)
    for number in range(history):
        new = f"{OTHERS[number % 8]} {number} again"
        assert isinstance(w.engine.set_password("u1", new, by=Admin("root"), context=w.context()), PasswordChanged)
        w.clock.advance(days=2)
    assert isinstance(w.engine.set_password("u1", PASSWORD, by=Admin("root"), context=w.context()), PasswordChanged)


def test_m170_a_history_that_is_resized_behaves_like_its_model(place):
    """Sizes up and down between changes: what is refused is what the longest memory since then still holds."""
    w = remembering(place, 3)
    w.sign_up(password=OTHERS[0])
    model, current = [], OTHERS[0]
    for number, size in enumerate((3, 3, 1, 1, 3, 0, 2, 2)):
        again = remembering(place, size, seed=10 + number)
        again.directory.put(w.directory.get("", "u1"))
        again.keyring, again.clock = w.keyring, w.clock
        again.restart()
        refused = {current, *model[:size]}
        for past in dict.fromkeys((current, *model, *OTHERS[:2])):
            outcome = again.engine.set_password("u1", past, by=Admin("root"), context=again.context())
            again.clock.advance(days=2)
            if isinstance(outcome, PasswordChanged):
                assert past not in refused, (number, past)
                model, current = [current, *model][:size], past
                break
            assert past in refused, (number, past)
        new = f"{OTHERS[7]} {number}"
        outcome = again.engine.set_password("u1", new, by=Admin("root"), context=again.context())
        assert isinstance(outcome, PasswordChanged)
        model, current = [current, *model][:size], new
        again.clock.advance(days=2)


def test_m171_a_password_is_set_on_a_proof_alone(w):
    """``Initial`` works where there never was one; afterwards a claim must carry the change, and no other field is taken."""
    w.sign_up()
    assert w.engine.set_password("u1", NEW, by=Initial(), context=w.context()) == Refused()
    assert w.engine.set_password("u1", NEW, by=CurrentPassword(OTHERS[0]), context=w.context()) == Refused()
    assert set(inspect.signature(Engine.set_password).parameters) == {"self", "subject", "password", "by", "context"}
    with pytest.raises(TypeError):
        w.engine.set_password("u1", NEW, by=Initial(), context=w.context(), groups={"admins"})

    assert isinstance(w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()), SignedIn)


def test_m171_two_initial_passwords_at_once_are_one(w):
    """Two sign-up requests race: one password is set, the other is refused."""
    w.sign_up(password=None)

    outcomes = par(*(lambda p=p: w.engine.set_password("u1", p, by=Initial(), context=w.context()) for p in OTHERS[:4]))

    assert kinds(outcomes) == {"PasswordChanged": 1, "Refused": 3}


def test_m172_every_credential_is_minted_on_fresh_proof(w):
    """Fifteen minutes after the sign-in a session sets no password, enrols nothing and prints nothing; freshly proven it does."""
    app, _, session = w.guarded()
    w.clock.advance(w.policy.sessions.fresh)
    mint = {
        "password": lambda token: w.engine.set_password("u1", NEW, by=FreshSession(token), context=w.context()),
        "factor": lambda token: w.engine.enroll_totp(token, context=w.context()),
        "codes": lambda token: w.engine.issue_recovery_codes(token, context=w.context()),
    }
    assert [make(session) for make in mint.values()] == [Refused()] * 3

    fresh = w.fully(app).session
    assert isinstance(mint["factor"](fresh), EnrollmentStarted)
    issued = mint["codes"](fresh)
    assert isinstance(issued, RecoveryCodes)
    assert isinstance(mint["password"](issued.session), PasswordChanged)


def test_m172_a_session_below_the_subjects_level_mints_nothing(place):
    """A session from before the factor was set up cannot be kept and used to set up another."""
    w = exhibit(place)
    w.sign_up()
    plain = w.sign_in().session
    w.enroll(w.sign_in().session)

    assert w.engine.enroll_totp(plain, context=w.context()) == Refused()
    assert w.engine.set_password("u1", NEW, by=FreshSession(plain), context=w.context()) == Refused()
