"""People with passkeys, in a world of doubles: for every test that goes through the engine."""

from itertools import count

from attrs import evolve
from tests.mfa import stage
from tests.mfa.stage import ORIGIN, policy

from acctsec import CHEAPEST, FactorAdded, FactorRequired, MfaPolicy, PasskeyAssertion, PasskeyAttestation
from acctsec._codec import decode_record
from acctsec.keyring import frame
from acctsec.testing import SeededEntropy, world
from acctsec.testing.world import IDENTIFIER, PASSWORD

SEEDS = count(1)


def soft(**properties):
    """An authenticator of its own: no two make the same keys."""
    return stage.soft(entropy=SeededEntropy(next(SEEDS)), **properties)


def with_passkeys(base=CHEAPEST, *, rules=None, **mfa):
    """A policy that takes passkeys."""
    return evolve(base, mfa=MfaPolicy(passkeys=rules or policy(), **mfa))


def a_world(*, store=None, base=CHEAPEST, rules=None, seed=0, **mfa):
    """A world whose service has passkeys, and somebody in it."""
    w = world(policy=with_passkeys(base, rules=rules, **mfa), store=store, seed=seed)
    w.sign_up()
    return w


def begin(w, session, *, name="Phone", replaces=""):
    """The ticket and the options of a new passkey."""
    return w.calls.enroll_passkey(session, name=name, replaces=replaces, context=w.context())


def made(key, started, *, origin=ORIGIN, **client):
    """What a browser answers to them."""
    return PasskeyAttestation(key.create(started.options, origin=origin, **client))


def add(w, session, key=None, **asked):
    """Set a passkey up; answers the authenticator and the new session."""
    key = key or soft()
    started = begin(w, session, **asked)
    added = w.calls.confirm_factor(started.ticket, made(key, started), context=w.context())
    assert isinstance(added, FactorAdded), added
    return key, added.session


def guarded(w, key=None):
    """Give whoever signs in a passkey."""
    return add(w, w.sign_in().session, key)


def due(w, password=PASSWORD, **facts):
    """The password is typed, and a factor is due."""
    outcome = w.calls.sign_in(IDENTIFIER, password, context=w.context(**facts))
    assert isinstance(outcome, FactorRequired), outcome
    return outcome


def signed(key, options, *, origin=ORIGIN, **client):
    """What a browser answers to request options."""
    return PasskeyAssertion(key.get(options, origin=origin, **client))


def prove(w, key, asked, **facts):
    """Answer what a ticket asks."""
    return w.calls.verify_factor(asked.ticket, signed(key, asked.passkey), context=w.context(**facts))


def alone(w, key, **facts):
    """Sign in with a passkey, from the button to the end."""
    asked = w.calls.begin_passkey_sign_in(context=w.context(**facts))
    return w.calls.sign_in_with_passkey(asked.ticket, signed(key, asked.options), context=w.context(**facts))


def record(w, subject="u1"):
    """What the store has of a subject."""
    store = getattr(w.store, "store", w.store)
    return decode_record(store.load(frame("subject", "", subject))[0])


def stored(w, subject="u1"):
    """The one passkey of a subject."""
    (found,) = record(w, subject).factors.passkeys
    return found
