"""Deeds: operations that commit, with what each needs, and how to tell whether it happened."""

from collections.abc import Callable
from datetime import timedelta

from attrs import evolve, frozen

from acctsec import (
    CurrentPassword,
    FreshSession,
    MessagePurpose,
    ResetLink,
    TotpCode,
    events,
)
from acctsec._codec import decode_record
from acctsec.budgets import Rungs
from acctsec.events import Event
from acctsec.keyring import frame
from acctsec.testing import RACING, Authenticator, world
from acctsec.testing.world import IDENTIFIER, PASSWORD

NEW = "a wholly new phrase 77"
WRONG = "wrong guess at first"
LATER = timedelta(minutes=5)
"""Longer than any lease."""

TIGHT = evolve(
    RACING,
    lockout=evolve(
        RACING.lockout,
        strangers=Rungs(free=3, first=timedelta(minutes=1), longest=timedelta(minutes=2), stop=4),
        patience=timedelta(milliseconds=50),
    ),
)
"""A policy that stops after four guesses, so that one too many is soon seen."""


@frozen(kw_only=True)
class Deed:
    """
    An operation, and how to tell whether it happened.

    Args:
        prepare: brings a world where it can be done; answers, as text, the *facts* it needs.
        do: does it, with an engine, the context of a request and those facts.
        happened: whether the record is as it is afterwards.
        means: the outcomes that tell the caller it happened.
        events: classes of which it writes one each.
        messages: purposes of which it sends one each.
        again: whether it can be asked for again, and is then done in any case, exactly once.
    """

    prepare: Callable
    do: Callable
    happened: Callable
    means: tuple[str, ...]
    events: tuple[type[Event], ...] = ()
    messages: tuple[MessagePurpose, ...] = ()
    again: bool = False


def a_world(store, *, policy=TIGHT):
    """A world on *store* in which somebody has an account."""
    w = world(policy=policy, store=store)
    w.sign_up()
    settled(w)
    return w


def settled(w):
    """Deliver all that is due, and forget it."""
    w.deliver()
    w.sink.handed.clear()
    w.messenger.handed.clear()
    w.comparisons.clear()


def fresh_look(w):
    """A new process, late enough for every lease to be over; what was left to deliver is delivered."""
    w.restart()
    w.clock.advance(LATER)
    w.deliver()


def record(w):
    """The record of the account, or None."""
    found = w.store.load(frame("subject", "", "u1"))
    return None if found is None else decode_record(found[0])


def failures(w):
    """How many failures the strangers' lane counts."""
    return next(lane.failures for lane in w.engine.admin.lock_status("u1") if lane.lane == "password/strangers")


def guess_on(w, *, most=12):
    """Guess as long as a guess is compared, each from a source of its own; answers how many were."""
    w.comparisons.clear()
    for number in range(most):
        before = len(w.comparisons.guesses)
        w.engine.sign_in(IDENTIFIER, f"wrong guess number {number}", context=w.context(f"198.18.0.{number + 1}"))
        w.clock.advance(hours=1)
        if len(w.comparisons.guesses) == before:
            return number
    raise AssertionError(f"{most} guesses, and no end")


# --- what is done -----------------------------------------------------------------------------------------------------


def epoch(wanted):
    return lambda w, facts: (found := record(w)) is not None and found.epoch == wanted


def _nothing(w):
    return {}


def _session(w):
    session = w.sign_in().session
    (device,) = w.engine.list_devices(session, context=w.context()).devices
    settled(w)
    return {"session": session, "device": device.id}


def _link(w):
    w.reset_link()
    link = w.messenger.link
    settled(w)
    return {"link": link}


def _request(w):
    w.engine.request_reset(IDENTIFIER, context=w.context())
    return {}


def _enrolment(w):
    session = w.sign_in().session
    app = Authenticator(w.engine.enroll_totp(session, context=w.context()))
    settled(w)
    return {"ticket": app.ticket, "code": app.code(w.clock()).code}


def _factor(w):
    app, session = w.enroll(w.sign_in().session)
    settled(w)
    return {"session": session, "id": record(w).factors.totp[0].id, "code": app.code(w.clock()).code}


def _ticket(w):
    facts = _factor(w)
    ticket = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context()).ticket
    settled(w)
    return facts | {"ticket": ticket}


def set_password(by):
    return lambda engine, context, facts: engine.set_password("u1", NEW, by=by(facts), context=context)


DEEDS = {
    "a change by the current password": Deed(
        prepare=_nothing,
        do=set_password(lambda facts: CurrentPassword(PASSWORD)),
        happened=epoch(2),
        means=("PasswordChanged",),
        events=(events.PasswordSet,),
        messages=(MessagePurpose.PASSWORD_CHANGED,),
    ),
    "a change by a fresh session": Deed(
        prepare=_session,
        do=set_password(lambda facts: FreshSession(facts["session"])),
        happened=epoch(2),
        means=("PasswordChanged",),
        events=(events.PasswordSet,),
        messages=(MessagePurpose.PASSWORD_CHANGED,),
    ),
    "a sign-in": Deed(
        prepare=_nothing,
        do=lambda engine, context, facts: engine.sign_in(IDENTIFIER, PASSWORD, context=context),
        happened=lambda w, facts: len(record(w).sessions) == 1,
        means=("SignedIn",),
        events=(events.SignedInEvent,),
    ),
    "a second factor": Deed(
        prepare=_ticket,
        do=lambda engine, context, facts: engine.verify_factor(facts["ticket"], TotpCode(facts["code"]), context=context),
        happened=lambda w, facts: len(record(w).spent) == 1,
        means=("SignedIn",),
        events=(events.SignedInEvent,),
    ),
    "a request for a reset": Deed(
        prepare=_nothing,
        do=lambda engine, context, facts: engine.request_reset(IDENTIFIER, context=context),
        happened=lambda w, facts: bool(record(w).resets),
        means=("ResetRequested",),
        events=(events.ResetIssued,),
        messages=(MessagePurpose.RESET,),
    ),
    "a delivered reset": Deed(
        prepare=_request,
        do=lambda engine, context, facts: engine.deliver(),
        happened=lambda w, facts: bool(record(w).resets),
        means=("Delivered",),
        events=(events.ResetIssued,),
        messages=(MessagePurpose.RESET,),
        again=True,
    ),
    "a redeemed link": Deed(
        prepare=_link,
        do=lambda engine, context, facts: engine.redeem_reset(ResetLink(facts["link"]), NEW, context=context),
        happened=epoch(2),
        means=("PasswordChanged",),
        events=(events.PasswordReset,),
        messages=(MessagePurpose.PASSWORD_CHANGED,),
        again=True,
    ),
    "a new factor": Deed(
        prepare=_enrolment,
        do=lambda engine, context, facts: engine.confirm_factor(facts["ticket"], TotpCode(facts["code"]), context=context),
        happened=epoch(2),
        means=("FactorAdded",),
        events=(events.FactorEnrolled,),
        messages=(MessagePurpose.FACTOR_ADDED,),
    ),
    "recovery codes": Deed(
        prepare=_factor,
        do=lambda engine, context, facts: engine.issue_recovery_codes(facts["session"], context=context),
        happened=epoch(3),
        means=("RecoveryCodes",),
        events=(events.RecoveryCodesIssued,),
        messages=(MessagePurpose.RECOVERY_CODES_ISSUED,),
    ),
    "another name for a factor": Deed(
        prepare=_factor,
        do=lambda engine, context, facts: engine.rename_factor(facts["session"], facts["id"], "old phone", context=context),
        happened=lambda w, facts: record(w).factors.totp[0].name == "old phone",
        means=("FactorRenamed",),
        events=(events.FactorRelabelled,),
    ),
    "the removal of a factor": Deed(
        prepare=_factor,
        do=lambda engine, context, facts: engine.remove_factor(facts["session"], facts["id"], context=context),
        happened=lambda w, facts: not record(w).factors.totp,
        means=("FactorRemoved",),
        events=(events.FactorDropped,),
        messages=(MessagePurpose.FACTOR_REMOVED,),
    ),
    "a forgotten device": Deed(
        prepare=_session,
        do=lambda engine, context, facts: engine.forget_device(facts["session"], facts["device"], context=context),
        happened=lambda w, facts: not record(w).devices,
        means=("DeviceForgotten",),
        events=(events.DeviceRevoked,),
    ),
    "a sign-out": Deed(
        prepare=_session,
        do=lambda engine, context, facts: engine.sign_out(facts["session"], context=context),
        happened=lambda w, facts: not record(w).sessions,
        means=("SessionsEnded",),
        events=(events.SessionClosed,),
        again=True,
    ),
    "the end of all sessions": Deed(
        prepare=_session,
        do=lambda engine, context, facts: engine.sign_out_everywhere("u1", by=FreshSession(facts["session"]), context=context),
        happened=epoch(2),
        means=("SessionsEnded",),
        events=(events.SessionsClosed,),
    ),
    "a disabling": Deed(
        prepare=_nothing,
        do=lambda engine, context, facts: engine.admin.disable("u1", actor="ops"),
        happened=lambda w, facts: record(w).disabled,
        means=("Acted",),
        events=(events.Disabled,),
    ),
    "a demanded change": Deed(
        prepare=_nothing,
        do=lambda engine, context, facts: engine.admin.require_password_change("u1", actor="ops"),
        happened=lambda w, facts: record(w).change is not None,
        means=("Acted",),
        events=(events.ChangeDemanded,),
    ),
    "an erasure": Deed(
        prepare=_link,
        do=lambda engine, context, facts: engine.admin.erase("u1", actor="ops"),
        happened=lambda w, facts: record(w) is None,
        means=("Acted",),
        events=(events.Erased,),
        again=True,
    ),
}
WRONG_GUESS = Deed(
    prepare=_nothing,
    do=lambda engine, context, facts: engine.sign_in(IDENTIFIER, WRONG, context=context),
    happened=lambda w, facts: failures(w) == 1,
    means=("Refused",),
)
