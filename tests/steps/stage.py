"""One subject as a record has it, one session that may do everything, and who comes instead."""

from datetime import UTC, datetime, timedelta

from acctsec import CHEAPEST, AssuranceLevel
from acctsec._values import evolve
from acctsec.claims import Admin, Enrollment, PasskeyClaims, PromptClaims, SessionClaims, ShareClaims, Ticket, UnlockClaims
from acctsec.protocols import Account, Status
from acctsec.record import (
    Change,
    Checkpoint,
    Contact,
    Device,
    Factors,
    Opening,
    Proof,
    Record,
    RecoverySet,
    Reset,
    Session,
    Spent,
    Totp,
    Verifier,
)
from acctsec.record.recovery import Address
from acctsec.steps import Drawn, FactorFound, NewVerifier, Scene

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG_AGO = NOW - 300 * DAY
MINE = b"m" * 16
POLICY = CHEAPEST
ADMIN = Admin("ops")
HOME, OLD = b"digest of home", b"digest of old"

ACCOUNT = Account(subject="u1", identifiers=("a",), addresses=("a@b.example",))
SCENE = Scene(tenant="", subject="u1", account=ACCOUNT, now=NOW, source="192.0.2.1", browser="Firefox on Linux")
DRAWN = Drawn(session=b"s" * 16, device=b"d" * 16, network=b"n" * 16)


def app(id_, **given):
    """An authenticator app that has been there for long."""
    return Totp(**({"id": id_, "name": id_, "sealed": b"sealed", "created": LONG_AGO, "last_step": 7} | given))


RECORD = Record(
    incarnation=b"i" * 16,
    epoch=3,
    meters=2,
    lanes=4,
    verifier=Verifier(sealed=b"old", born=3, preparation=1, since=LONG_AGO),
    history=(Verifier(sealed=b"older", born=1, preparation=1, since=LONG_AGO).past,),
    factors=Factors(
        totp=(app("t0"), app("t1")), recovery=RecoverySet(generation=5, sealed=b"r", total=4, since=LONG_AGO), generation=5
    ),
    resets=(
        Reset(
            id=b"r" * 16,
            epoch=3,
            recipient=HOME,
            link=b"l" * 32,
            code=b"c" * 32,
            expires=NOW + HOUR / 2,
            code_expires=NOW + HOUR / 6,
        ),
    ),
    devices=(Device(id=b"v" * 16, since=LONG_AGO),),
    sessions=(
        Session(
            id=MINE,
            level=AssuranceLevel.AAL2,
            created=NOW - MINUTE,
            authenticated=NOW - MINUTE,
            proofs=(Proof.of("password", NOW - MINUTE), Proof.of("totp", NOW - MINUTE)),
        ),
        Session(id=b"o" * 16, level=AssuranceLevel.AAL1, created=NOW - HOUR, authenticated=NOW - HOUR),
    ),
    spent=(Spent(id=b"p" * 16, expires=NOW + HOUR),),
    checkpoints=(Checkpoint.of("password/", count=3, since=NOW),),
    openings=(Opening(number=1, at=NOW),),
    commits=(b"k" * 16,),
    addresses=(Address(digest=HOME, since=LONG_AGO), Address(digest=OLD, since=LONG_AGO)),
    contacts=(Contact(id=1, subject="u7", since=LONG_AGO),),
)
"""Whose owner has everything."""

CLAIMS = SessionClaims(tenant="", subject="u1", incarnation=RECORD.incarnation, epoch=3, id=MINE, active=NOW - MINUTE)
TICKET = Ticket(
    tenant="",
    subject="u1",
    incarnation=RECORD.incarnation,
    epoch=3,
    id=b"t" * 16,
    issued=NOW - MINUTE,
    expires=NOW + 10 * MINUTE,
    methods=("password",),
    session=MINE,
    action="change-factors",
)


def change(**given):
    """A change that waits."""
    made = {"id": b"1" * 16, "kind": "address-added", "proofs": (), "asked": NOW, "until": NOW, "expires": NOW + DAY}
    return Change(**(made | given))


def without_owner(scene):
    """The scenes in which nothing is granted to anybody."""
    return {
        "an account that is gone": evolve(scene, account=None),
        "an account that is disabled": evolve(scene, account=Account(subject="u1", identifiers=("a",), status=Status.DISABLED)),
    }


__all__ = [
    "ADMIN", "CLAIMS", "DAY", "DRAWN", "HOME", "HOUR", "LONG_AGO", "MINE", "MINUTE", "NOW", "OLD", "POLICY", "RECORD", "SCENE",
    "TICKET", "Enrollment", "FactorFound", "NewVerifier", "PasskeyClaims", "PromptClaims", "ShareClaims", "UnlockClaims", "app",
    "change", "without_owner",
]  # fmt: skip
