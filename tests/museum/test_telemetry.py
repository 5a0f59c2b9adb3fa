"""What is told about an account holds no secret, no forgery and no gap (I32)."""

import gc
import importlib
import inspect
import logging
import pickle
import pkgutil
import traceback
import unicodedata

import attrs
import pytest
from tests.museum.harness import NEW, OTHERS, address, exhibit, forms

import acctsec
from acctsec import (
    Account,
    Admin,
    ChangeTicket,
    CurrentPassword,
    PasswordChangeRequired,
    RecoveryCode,
    Refused,
    ResetCode,
    ResetLink,
    ResumeTicket,
    SignedIn,
    TotpCode,
)
from acctsec.events import (
    AttemptRefused,
    ChangeDemanded,
    DeviceRevoked,
    Disabled,
    Enabled,
    Erased,
    FactorDropped,
    FactorEnrolled,
    FactorRelabelled,
    PasswordReset,
    PasswordSet,
    RecoveryCodesIssued,
    ResetIssued,
    SessionClosed,
    SessionsClosed,
    SignedInEvent,
    Unlocked,
)
from acctsec.testing.world import IDENTIFIER, PASSWORD

HOSTILE = (
    "alice\nadmin signed in",
    "alice\r\n",
    "alice\x1b[2J",
    "alice\u2028x",
    "\u202egro.elpmaxe@ecila",
    "alice\0",
    "a" * 10**6,
    "\ud800",
)


def play(w):
    """A long life with a secret at every turn; answers all secrets, outcomes and exceptions there were."""
    engine, here = w.engine, w.context()
    outcomes, secrets = [], [PASSWORD, NEW, *OTHERS]

    def note(outcome):
        outcomes.append(outcome)
        for name in ("session", "device", "ticket", "handle", "uri", "key"):
            value = getattr(outcome, name, None)
            if isinstance(value, str) and len(value) > 16:
                secrets.append(value)
        return outcome

    w.sign_up()
    signed = note(engine.sign_in(IDENTIFIER, PASSWORD, context=here))
    note(engine.sign_in(IDENTIFIER, OTHERS[0], context=here))
    note(engine.sign_in("nobody@example.org", OTHERS[1], context=here))
    app, session = w.enroll(signed.session)
    issued = note(engine.issue_recovery_codes(session, context=here))
    secrets += [*issued.codes, app._secret.hex(), session]
    due = note(engine.sign_in(IDENTIFIER, PASSWORD, context=here))
    note(engine.verify_factor(due.ticket, app.wrong(w.clock()), context=here))
    note(engine.verify_factor(due.ticket, RecoveryCode(issued.codes[0]), context=here))
    handle = note(engine.request_reset(IDENTIFIER, context=here)).handle
    w.deliver()
    secrets += [w.messenger.link, w.messenger.code]
    note(engine.redeem_reset(ResetCode(handle, w.messenger.code), "password", context=here))
    due = note(engine.redeem_reset(ResetLink(w.messenger.link), NEW, context=here))
    proof = note(engine.verify_factor(due.ticket, app.code(w.clock()), context=here))
    note(engine.redeem_reset(ResumeTicket(proof.ticket), NEW, context=here))
    note(engine.set_password("u1", OTHERS[2], by=CurrentPassword(OTHERS[3]), context=here))
    note(engine.set_password("u1", OTHERS[2], by=Admin("root"), context=here))
    outcomes.append(engine.admin.export("u1"))
    outcomes.append(engine.admin.lock_status("u1"))
    w.deliver()
    return secrets, outcomes


def leaks(secrets, *places):
    """Which secrets, in which form, are found in which place."""
    raw = [place if isinstance(place, bytes) else str(place).encode(errors="surrogatepass") for place in places]
    return [(secret, form) for secret in secrets for form in forms(secret) if len(form) >= 8 for place in raw if form in place]


def test_m190_no_secret_is_in_anything_that_is_told(w, caplog):
    """Every password, token, code and seed of a long life, in no event, log, repr, pickle or outcome's repr."""
    caplog.set_level(logging.DEBUG)
    secrets, outcomes = play(w)

    assert len(secrets) > 30
    events = [event for _, event in w.sink.handed]
    assert len(events) > 10
    told = [
        repr(events),
        pickle.dumps(events),
        caplog.text,
        repr(outcomes),
        repr(w.messenger.handed),
        repr(w.engine),
        repr(w.keyring),
    ]
    assert leaks(secrets, *told) == []


def test_m190_no_object_that_is_alive_shows_a_secret(w):
    """Whatever of the library is in memory after that life, its repr holds none of the secrets."""
    secrets, _ = play(w)
    gc.unfreeze()  # what was there before any test began counts too (tests/conftest.py)
    alive = [one for one in gc.get_objects() if str(type(one).__module__).startswith("acctsec.")]
    gc.freeze()
    alive = [one for one in alive if not type(one).__module__.startswith(("acctsec.testing", "acctsec._demo"))]

    assert len(alive) > 100
    assert leaks(secrets, *(repr(one) for one in alive)) == []


def test_m190_no_class_shows_a_field_that_may_hold_a_secret():
    """By name: a field called password, secret, code, token or link is left out of every repr, also of short-lived values."""
    shown = []
    for module in pkgutil.walk_packages(acctsec.__path__, "acctsec."):
        if module.name.startswith(("acctsec.testing", "acctsec._demo", "acctsec.__main__")):
            continue
        for name, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind.__module__ != module.name or not attrs.has(kind):
                continue
            shown += [
                f"{module.name}.{name}.{field.name}"
                for field in attrs.fields(kind)
                if field.repr
                and field.name in {"password", "secret", "token", "link", "codes", "uri", "sealed_secret", "phc", "handle"}
            ]
    harmless = {
        "acctsec._flows.entries.ResetRequest.handle",
        "acctsec.lockout.policy.LockoutPolicy.codes",
        "acctsec.policy.Policy.password",
        "acctsec.recovery.explained.Course.password",  # when a thief comes to set one
    }
    assert set(shown) <= harmless


class Tattling:
    """A port that raises what it was given."""

    def __init__(self, *names):
        for name in names:
            setattr(self, name, self._raise)

    def _raise(self, *args, **kwargs):
        raise RuntimeError(f"cannot do this with {args} {kwargs} {[getattr(one, 'link', '') for one in args]}")


def test_m190_no_exception_hands_a_secret_on(w, caplog):
    """A corpus, an estimator or a messenger that fails with the secret in its message: what comes out has none of it."""
    w.sign_up()
    w.corpus = Tattling("count")
    w.restart()
    told = []
    try:
        told.append(repr(w.engine.check_password(NEW)))
        told.append(repr(w.engine.set_password("u1", NEW, by=Admin("root"), context=w.context())))
    except acctsec.AcctsecError as error:
        told += traceback.format_exception(error)
    w.corpus = None
    w.messenger.failure = None
    w.messenger = Tattling("send")
    w.restart()
    w.engine.request_reset(IDENTIFIER, context=w.context())
    told.append(repr(w.engine.deliver()))
    told.append(caplog.text)
    told.append(repr(w.sink.handed))

    assert leaks([NEW, PASSWORD], *told) == []


@pytest.mark.parametrize("typed", HOSTILE, ids=range(len(HOSTILE)))
def test_m193_what_is_typed_forges_no_record(w, typed):
    """Line breaks, escapes, bidi controls, megabytes: an attempt is one event of bounded size that holds none of it."""
    w.sign_up()
    context = acctsec.Context.of(typed, user_agent=typed, device=typed)
    w.engine.sign_in(typed, PASSWORD, context=context)
    w.engine.sign_in(IDENTIFIER, typed, context=context)
    w.engine.sign_in(IDENTIFIER, OTHERS[0], context=context)
    w.engine.request_reset(typed, context=context)
    w.engine.request_reset(IDENTIFIER, context=context)
    w.deliver()

    assert w.sink.handed
    for _, event in w.sink.handed:
        for value in attrs.astuple(event):
            text = str(value)
            assert len(text) <= 256
            assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in text)
            assert typed not in text


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[1m", "\u202eevil", "x" * 41, "a\0", "\u2028", 7, None])
def test_m193_a_factor_has_a_printable_name(w, name):
    """What people call their authenticator shows up in lists and mails: no control character, at most forty characters."""
    w.sign_up()
    session = w.sign_in().session

    assert w.engine.enroll_totp(session, name=name, context=w.context()) == Refused()


def values(thing):
    """Everything an outcome holds, also what its repr leaves out."""
    return repr(attrs.asdict(thing) if attrs.has(type(thing)) else thing)


def test_m195_what_can_be_read_back_holds_no_verifier_seed_or_code(w):
    """Export, lock status, factor lists and session checks: nothing in any field but what may be shown."""
    app, codes, session = w.guarded()
    w.reset_link()
    seed = app._secret
    read = [
        values(w.engine.admin.export("u1")),
        *map(values, w.engine.admin.lock_status("u1")),
        values(w.engine.list_factors(session, context=w.context())),
        values(w.engine.list_devices(session, context=w.context())),
        values(w.engine.list_sessions(session, context=w.context())),
        values(w.engine.check_session(session, context=w.context()).session),
    ]
    sealed = [one for call in w.trace if call[0] == "load" and call[2] for one in call[2][:1]]

    assert leaks([PASSWORD, *codes, seed.hex(), w.messenger.link, w.messenger.code, "$argon2id$"], *read) == []
    assert seed not in repr(read).encode()
    assert not any(one[20:40] in "".join(read).encode() for one in sealed)


def test_i32_every_change_is_one_event(w):
    """Each change of state of a long life is told once, whoever made it, and a refusal changes nothing."""
    engine, here = w.engine, w.context()
    w.sign_up()
    signed = w.sign_in()
    (device,) = engine.list_devices(signed.session, context=here).devices
    engine.forget_device(signed.session, device.id, context=here)
    _, session = w.enroll(signed.session)
    factor = engine.list_factors(session, context=here).factors[0].id
    engine.rename_factor(session, factor, "work", context=here)
    session = engine.issue_recovery_codes(session, context=here).session
    session = engine.remove_factor(session, factor, context=here).session
    engine.sign_out(session, context=here)
    engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=here)
    engine.admin.require_password_change("u1", actor="root")
    change = engine.sign_in(IDENTIFIER, NEW, context=here)
    assert isinstance(change, PasswordChangeRequired)
    engine.set_password("u1", OTHERS[0], by=ChangeTicket(change.ticket), context=here)
    engine.sign_out_everywhere("u1", by=Admin("root"), context=here)
    for act in ("unlock", "disable", "enable"):
        getattr(engine.admin, act)("u1", actor="root")
    engine.sign_in(IDENTIFIER, PASSWORD, context=here)
    w.deliver()  # what is erased takes along what was not delivered yet
    engine.admin.erase("u1", actor="root")
    engine.admin.erase("u1", actor="root")
    w.deliver()

    kinds = (PasswordSet, SignedInEvent, FactorEnrolled, FactorRelabelled, RecoveryCodesIssued, FactorDropped, SessionClosed)
    kinds += (DeviceRevoked,)
    kinds += (ResetIssued, PasswordReset, ChangeDemanded, SessionsClosed, Unlocked, Disabled, Enabled, Erased)
    assert {type(event) for event in w.sink.events} == set(kinds)
    assert [kind for kind in kinds if len(w.sink.of(kind)) != 1] == [PasswordSet]  # the first one, and the demanded one
    assert len(w.sink.of(PasswordSet)) == 2


def test_i32_observations_that_are_dropped_are_counted(place):
    """Past the bound the oldest refused attempts are dropped, and how many is known."""
    w = exhibit(place)
    w.directory.put(Account(subject="u1", identifiers=(IDENTIFIER,)))
    for number in range(1100):
        w.engine.sign_in(IDENTIFIER, TotpCode("1").code + str(number), context=w.context(address(number)))
    w.deliver()

    told = [event for event in w.sink.observations if isinstance(event, AttemptRefused)]
    assert len(told) + w.engine.dropped_observations == 1100
    assert not any(isinstance(event, SignedIn) for event in told)
