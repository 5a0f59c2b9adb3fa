"""Guessing, as the attacker of the museum does it: one wrong one after the other, of every class of secret."""

import itertools

from tests.museum.harness import (
    NEW,
    address,
    right_among,
)

from acctsec import (
    AddressCode,
    AddressPending,
    CurrentPassword,
    EnrollmentStarted,
    RecoveryCode,
    ResetCode,
    ResetLink,
    TotpCode,
    UnlockFactor,
)
from acctsec.testing.doubles import Authenticator
from acctsec.testing.world import IDENTIFIER

FREE = 10
"""Distinct wrong secrets a lane lets through before it rests."""


def wrong(number):
    return f"wrong guess number {number}"


def asked_code(w):
    """A reset code, and the handle it belongs to."""
    handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    w.deliver()
    return handle, w.messenger.code


def secret_kinds(w):
    """
    For each class of secret: its name in the meters, how many wrong ones are free, and how to try number so-and-so.

    A recovery code has 80 bits, too many to guess: as the first proof of a reset it is counted against its source alone, or
    anybody could use a subject's tries up. So here all of those come from one source.
    """
    app, _, session = w.guarded()
    handle, _ = asked_code(w)
    enrolling = w.engine.enroll_totp(session, context=w.context())
    assert isinstance(enrolling, EnrollmentStarted)
    second, ticket, now = Authenticator(enrolling), w.ticket(), w.clock()
    resetting = w.engine.redeem_reset(ResetLink(w.messenger.link), NEW, context=w.context()).ticket
    codes = right_among(60, 0, "000000")[1:]
    adding = w.engine.add_address(session, "second@example.org", context=w.context("203.0.113.77"))
    assert isinstance(adding, AddressPending)

    def here(number):
        return w.context(address(number))

    groups = itertools.product("0123456789abcdefghjkmnpqrstvwxyz", repeat=2)
    printed = [f"{a}{b}00-0000-0000-0000" for a, b in groups]
    engine = w.engine
    return {
        "code of an address": (
            "address-code",
            5,
            lambda n: engine.verify_address(AddressCode(adding.change, f"{n:08d}"), session=session, context=here(n)),
        ),
        "password": ("password", FREE, lambda n: engine.sign_in(IDENTIFIER, wrong(n), context=here(n))),
        "current password": (
            "password",
            FREE,
            lambda n: engine.set_password("u1", NEW, by=CurrentPassword(wrong(n), session), context=here(n)),
        ),
        "totp": ("factor", FREE, lambda n: engine.verify_factor(ticket, app.wrong(now, n), context=here(n))),
        "recovery code": (
            "factor",
            FREE,
            lambda n: engine.verify_factor(ticket, RecoveryCode(printed[n]), context=here(n)),
        ),
        "factor at a reset": (
            "reset-factor",
            5,
            lambda n: engine.verify_factor(resetting, app.wrong(now, n), context=here(n)),
        ),
        "recovery code at a reset": (
            "recovery",
            5,
            lambda n: engine.redeem_reset(RecoveryCode(printed[n], handle), NEW, context=w.context()),
        ),
        "reset code": ("reset-code", 5, lambda n: engine.redeem_reset(ResetCode(handle, f"{n:08d}"), NEW, context=here(n))),
        "enrolment": (
            "enrollment",
            5,
            lambda n: engine.confirm_factor(second.ticket, TotpCode(codes[n]), context=here(n)),
        ),
        "factor that opens a lane": (
            "unlock",
            5,
            lambda n: engine.unlock(UnlockFactor(IDENTIFIER, app.wrong(now, n)), context=here(n)),
        ),
    }


KINDS = [
    "password",
    "current password",
    "totp",
    "recovery code",
    "factor at a reset",
    "recovery code at a reset",
    "reset code",
    "enrolment",
    "factor that opens a lane",
    "code of an address",
]
