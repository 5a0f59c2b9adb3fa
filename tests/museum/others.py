"""Somebody else who checks factors: one who is exact, and one who takes everything."""

from tests.mfa.otp_stage import TOY, Toy
from tests.mfa.otp_stage import policy as with_outside
from tests.museum.harness import SHORT, exhibit

from acctsec import Approved, FactorAdded, Outside, OutsideAnswer, OutsideBegun
from acctsec.testing.world import IDENTIFIER

EVIL = Outside(name="evil")
OUT = with_outside(SHORT, outside=(TOY, EVIL))


class Yes:
    """Somebody else who takes every answer."""

    def __init__(self):
        self.asked = []

    def begin(self, subject, reference, ticket_id):
        self.asked.append(subject)
        return {}

    def check(self, subject, reference, answer, ticket_id):
        self.asked.append(subject)
        return Approved()


def outside(place, seed=0):
    """A world in which two others check factors: a toy that is exact, and one who takes everything."""
    toy, evil = Toy(), Yes()
    w = exhibit(place, policy=OUT, seed=seed, outside={"toy": toy, "evil": evil})
    w.toy, w.evil = toy, evil
    return w


def given_a_factor(w, subject, identifier, method="toy"):
    """Sign up with a factor that somebody else checks; what he is called by."""
    w.sign_up(subject, identifier)
    started = w.engine.enroll_outside(w.sign_in(identifier).session, method, f"ref-{subject}", context=w.context())
    assert isinstance(started, OutsideBegun), started
    added = w.engine.confirm_factor(started.ticket, answer_of(w, method, started.page), context=w.context())
    assert isinstance(added, FactorAdded), added
    return added.factor.id


def answer_of(w, method, page):
    return OutsideAnswer(method, w.toy.answer(page["for"], page["challenge"]) if method == "toy" else "anything")


def asked(w, factor, identifier=IDENTIFIER):
    """A ticket of the toy's factor, and the right answer for it."""
    ticket = w.ticket(identifier)
    begun = w.engine.begin_outside(ticket, factor, context=w.context())
    assert isinstance(begun, OutsideBegun), begun
    return ticket, answer_of(w, "toy", begun.page)
