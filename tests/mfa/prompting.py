"""A subject with an app that prompts are pushed to, and what the browser and the app do."""

from attrs import evolve

from acctsec import CHEAPEST, FactorRequired, MessagePurpose, MfaPolicy, PromptSent, PushApproval, PushPolicy
from acctsec._codec import decode_record
from acctsec.keyring import frame
from acctsec.outcomes import FactorAdded, FactorKind, PromptApproved
from acctsec.testing import world
from acctsec.testing.world import IDENTIFIER, PASSWORD

APP = "fcm:bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvDMExUdFQ3P1"
THIEF = "198.51.100.66"
KINDS = frozenset({FactorKind.TOTP, FactorKind.PUSH})


def pushes(policy=CHEAPEST, **push):
    """A policy with prompts."""
    return evolve(policy, mfa=MfaPolicy(kinds=KINDS, push=PushPolicy(**push)))


def a_world(store=None, policy=CHEAPEST, **push):
    """Nobody yet."""
    return world(policy=pushes(policy, **push), store=store)


def with_an_app(w):
    """Sign up, set the app up, and forget what that sent; ``w.device`` is the owner's known device."""
    w.sign_up()
    signed_in = w.sign_in()
    w.device = signed_in.device
    w.session = set_up(w, signed_in.session)
    w.deliver()
    w.messenger.handed.clear()
    w.sink.handed.clear()
    w.clock.advance(hours=2)
    return w


def set_up(w, session, address=APP, name="phone"):
    """Set an app up, and answer the session that stands then; ``w.push`` is the id of the factor."""
    started = w.calls.enroll_push(session, address, name=name, context=w.context())
    assert isinstance(type_in(w, started.number), PromptApproved)
    added = w.calls.confirm_factor(started.ticket, PushApproval(), context=w.context())
    assert isinstance(added, FactorAdded), added
    w.push = added.factor.id
    return added.session


def a_user(store=None, policy=CHEAPEST, **push):
    """A subject with an app."""
    return with_an_app(a_world(store, policy, **push))


def password(w, source="192.0.2.7", device=None):
    """The ticket of a right password."""
    found = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context(source, device=device))
    assert isinstance(found, FactorRequired), found
    return found.ticket


def ask(w, ticket, source="192.0.2.7", device=None):
    """Have the app prompted."""
    return w.calls.push_prompt(ticket, w.push, context=w.context(source, device=device))


def prompted(w, **where):
    """The ticket of a right password, and the number of its prompt."""
    ticket = password(w, **where)
    sent = ask(w, ticket, **where)
    assert isinstance(sent, PromptSent), sent
    return ticket, sent.number


def poll(w, ticket, device=None):
    """What the browser asks every two seconds."""
    return w.calls.verify_factor(ticket, PushApproval(), context=w.context(device=device))


def token(w):
    """What came to the app last."""
    w.deliver()
    return w.messenger.of(MessagePurpose.PROMPT)[-1].prompt


def type_in(w, number, of=None):
    """Type a number in the app."""
    return w.calls.answer_prompt(of or token(w), number, context=w.context("203.0.113.40"))


def deny(w, of=None):
    """Press "this was not me" in the app."""
    return w.calls.deny_prompt(of or token(w), context=w.context("203.0.113.40"))


def other(number):
    """A wrong number."""
    return str((int(number) + 1) % 10 ** len(number)).zfill(len(number))


def record(w, subject="u1"):
    """The record as it is stored."""
    found = getattr(w.store, "store", w.store).load(frame("subject", "", subject))
    return None if found is None else decode_record(found[0])
