"""Tokens in somebody's pocket, someone else who checks factors, and a world in which both are set up."""

import hmac
from datetime import timedelta
from hashlib import sha256
from urllib.parse import quote

from attrs import define, evolve, field

from acctsec import CHEAPEST, Approved, Declined, FactorRequired, HotpCode, Outside, TotpCode
from acctsec._codec import decode_record
from acctsec.keyring import frame
from acctsec.mfa import OtpForm, hotp, otp, totp
from acctsec.mfa.provisioning import Provisioning, read_uri
from acctsec.outcomes import EnrollmentStarted, FactorAdded, FactorKind
from acctsec.testing import RACING, race_world
from acctsec.testing.world import IDENTIFIER, PASSWORD, world

ALL = frozenset({FactorKind.TOTP, FactorKind.HOTP, FactorKind.OUTSIDE})
TOY = Outside(name="toy")


def policy(base=CHEAPEST, **fields):
    """A policy by which every kind of factor here can be set up."""
    fields = {"kinds": ALL, "outside": (TOY,), **fields}
    return evolve(base, mfa=evolve(base.mfa, **fields))


@define
class Clocked:
    """A token with a clock, off by so many *seconds*."""

    secret: bytes
    form: OtpForm
    seconds: int = 0

    def step(self, now):
        return totp.step_of(now + timedelta(seconds=self.seconds), self.form)

    def code(self, now, *, step=0):
        return TotpCode(totp.code_at(self.secret, self.step(now) + step, self.form))

    @property
    def uri(self):
        return (
            f"otpauth://totp/token?secret={otp.base32(self.secret)}&algorithm={self.form.algorithm}"
            f"&digits={self.form.digits}&period={self.form.period.seconds}"
        )


@define
class Counting:
    """A token with a button; *counter* is what it shows at the next press."""

    secret: bytes
    counter: int = 0
    form: OtpForm = field(factory=OtpForm)

    def press(self, times=1):
        """The last of so many codes."""
        self.counter += times
        return HotpCode(hotp.code_at(self.secret, self.counter - 1, self.form))

    def two(self):
        first, second = self.press(), self.press()
        return HotpCode(first.code, second.code)

    @property
    def uri(self):
        return (
            f"otpauth://hotp/token?secret={otp.base32(self.secret)}&algorithm={self.form.algorithm}"
            f"&digits={self.form.digits}&counter={self.counter}"
        )


class Toy:
    """Somebody else: he accepts his keyed digest of the reference and of the ticket, and nothing for another ticket."""

    def __init__(self):
        self.key, self.asked, self.mood = b"the toy's own key", [], None

    def begin(self, subject, reference, ticket_id):
        self.asked.append(("begin", subject, reference, ticket_id))
        return self._in(self.mood) if self.mood else {"challenge": ticket_id, "for": reference}

    def check(self, subject, reference, answer, ticket_id):
        self.asked.append(("check", subject, reference, ticket_id))
        if self.mood:
            return self._in(self.mood)
        right = self.answer(reference, ticket_id)
        return Approved() if hmac.compare_digest(answer.encode(), right.encode()) else Declined()

    def answer(self, reference, ticket_id):
        """What its app hands back once its owner agreed."""
        return hmac.new(self.key, f"{quote(reference)} {ticket_id}".encode(), sha256).hexdigest()

    @staticmethod
    def _in(mood):
        """An exception is raised, anything else answered."""
        if isinstance(mood, type) and issubclass(mood, BaseException):
            raise mood
        return mood() if callable(mood) else mood


def a_world(store=None, *, make=world, base=CHEAPEST, **fields):
    """Alice is signed up; ``toy`` checks what is outside."""
    toy = Toy()
    w = make(policy=policy(base, **fields), store=store, outside={"toy": toy})
    w.toy = toy
    w.sign_up()
    return w


def a_racing_world():
    """The same for races, with nobody outside."""
    w = race_world(policy=policy(RACING, kinds=ALL - {FactorKind.OUTSIDE}, outside=()))
    w.sign_up()
    return w


def from_started(started):
    """The app that scanned the picture."""
    found = read_uri(started.uri)
    assert isinstance(found, Provisioning), found
    return Clocked(found.secret, found.form) if found.kind == "totp" else Counting(found.secret, found.counter, found.form)


def enrolled(w, token, *, session=None):
    """That token, confirmed by a code of its own; the new session. The clock has moved on to its next code."""
    session = session or w.sign_in().session
    enroll = w.calls.enroll_totp if isinstance(token, Clocked) else w.calls.enroll_hotp
    started = enroll(session, otpauth=token.uri, name="token", context=w.context())
    assert isinstance(started, EnrollmentStarted), started
    assert (started.uri, started.key) == ("", "")
    added = w.calls.confirm_factor(started.ticket, shown(w, token), context=w.context())
    assert isinstance(added, FactorAdded), added
    w.clock.advance(seconds=60)
    return added.session


def shown(w, token):
    """What a token shows now."""
    return token.code(w.clock()) if isinstance(token, Clocked) else token.press()


def ticket(w, address="192.0.2.7"):
    """The password is right, and a factor is due."""
    due = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context(address))
    assert isinstance(due, FactorRequired), due
    return due.ticket


def verify(w, answer, *, on=None, address="192.0.2.7"):
    """An answer, on a ticket of its own."""
    return w.calls.verify_factor(on or ticket(w, address), answer, context=w.context(address))


def record(w, subject="u1"):
    """The record as it is stored."""
    store = getattr(w.store, "store", getattr(w.store, "_store", w.store))
    return decode_record(store.load(frame("subject", "", subject))[0])


def failures(w, lane="factor"):
    """Wrong answers that are counted."""
    return sum(one.failures for one in w.calls.admin.lock_status("u1") if lane in one.lane)
