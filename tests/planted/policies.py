"""Faults of policies and rules: what a team writes itself."""

import random
from datetime import timedelta

from attrs import evolve
from tests.planted.planting import Instrument, Plot

from acctsec import LockoutPolicy, Objection, PasswordPolicy, ResetPolicy, SessionPolicy
from acctsec._values import evolve as changed
from acctsec.lockout import Admitted
from acctsec.lockout.hits import HitCount
from acctsec.password import Length
from acctsec.protocols import Granted, Ladder
from acctsec.recovery import Enough, RecoveryPolicy
from acctsec.sessions import Live
from acctsec.testing import RACING, check_policy

PLOT = Plot("policy")
LAWS = Instrument(name="check_policy", ask=check_policy, healthy=RACING)


def family(name, **made):
    """A policy that is RACING but for one family, made of the class of a fault."""
    return lambda faulty: evolve(RACING, name="planted", **{name: faulty(**made)})


# --- passwords --------------------------------------------------------------------------------------------------------


class Rule:
    """A rule of a platform's own that refuses nothing."""

    def judge(self, password, facts):
        return ()


def with_rule(faulty):
    rules = (Length(), faulty())
    return evolve(RACING, name="planted", password=PasswordPolicy(rules=rules, estimator=lambda password, words: 20.0))


def rule(says, seen=""):
    return PLOT.subclass(LAWS, says=says, seen=seen, of=with_rule)


@rule("nothing is raised", "M-147")
class ARuleThatRaises(Rule):
    """A rule takes every password for ASCII."""

    def judge(self, password, facts):
        return (Objection("too-short"),) if password.encode("ascii") else ()


@rule("judged alike every time")
class ARuleThatThrowsDice(Rule):
    """A rule refuses a password now and accepts it a moment later."""

    dice = random.Random(1)

    def judge(self, password, facts):
        return (Objection("common"),) if self.dice.random() < 0.5 else ()


@rule("show the password", "M-190")
class ARuleThatTellsThePassword(Rule):
    """An objection says which part of the password it does not like, and the page and the log show it."""

    def judge(self, password, facts):
        return (Objection("common", {"word": password[:8]}),) if password else ()


@rule("stays rejected")
class ARuleThatLikesBreaches(Rule):
    """A rule has its comparison the wrong way round: what has leaked passes."""

    def judge(self, password, facts):
        return () if facts.breach_count else (Objection("common"),)


@rule("people can find a password")
class ARuleThatNobodyMeets(Rule):
    """Two rules contradict each other: nobody can sign up."""

    def judge(self, password, facts):
        return (Objection("common"),)


@PLOT.subclass(
    LAWS,
    says="accept only what each of them accepts",
    of=family("password", rules=(Length(minimum=8),), estimator=lambda password, words: 20.0),
)
class AUnionThatLoosens(PasswordPolicy):
    """Of two policies that hold for an account, the first alone is asked."""

    def __and__(self, other):
        return self


# --- guessing ---------------------------------------------------------------------------------------------------------


def lockout(says, seen=""):
    return PLOT.subclass(LAWS, says=says, seen=seen, of=family("lockout"))


def longer(ladder, **changes):
    parts = {name: getattr(ladder, name) for name in ("free", "first", "longest", "stop", "window", "lease")}
    return Ladder(**(parts | changes))


@lockout("more wrong guesses than its stop", "M-079")
class ALockoutThatStopsOneLate(LockoutPolicy):
    """It allows one guess more than it says."""

    def charges(self, attempt):
        return tuple(changed(one, ladder=longer(one.ladder, stop=one.ladder.stop + 1)) for one in super().charges(attempt))


@lockout("more wrong guesses than its stop", "M-094")
class ALockoutThatAdmitsAll(LockoutPolicy):
    """It charges, and never looks at what the meters say."""

    def judge(self, charges, readings):
        return Admitted(1, new=True)


@lockout("share the room", "M-077")
class ALockoutWithoutReservations(LockoutPolicy):
    """What is under way does not count: a thousand guesses at once share one free try."""

    def judge(self, charges, readings):
        judged = super().judge(charges, readings)
        return Admitted(1, new=True) if type(judged).__name__ == "Crowded" else judged


@lockout("a known device has all its tries", "M-105")
class ALockoutThatStrangersTurnOnOwners(LockoutPolicy):
    """Everybody shares one lane: whoever guesses keeps the owner out on his own phone."""

    def meter(self, kind, lane, era=""):
        return b"!" + kind.value.encode()


@lockout("full success forgets")
class ALockoutThatForgetsNothing(LockoutPolicy):
    """An owner who has signed in is as near to the stop as before."""

    def settlements(self, charges, readings, verdict):
        return super().settlements(charges, readings, type(verdict).VOID if verdict.value == "clear" else verdict)


@PLOT.subclass(LAWS, says="no more than the hit count allows", of=lambda made: evolve(RACING, name="planted", lockout=hit(made)))
class AHitCountThatIsAddedToAfterwards(LockoutPolicy):
    """The guess that uses the mass up is compared, and so are all that run beside it."""

    def too_likely(self, record, lane, *, weight, charges, readings):
        before = [evolve_reading(one, weight) for one in readings]
        return super().too_likely(record, lane, weight=weight, charges=charges, readings=before)


def hit(made):
    return made(hits=HitCount())


def evolve_reading(one, weight):
    return changed(one, ordinal=one.ordinal - weight * one.new) if isinstance(one, Granted) else one


# --- the rest ---------------------------------------------------------------------------------------------------------


@PLOT.subclass(LAWS, says="displaces none that is live", of=family("reset"))
class AResetThatDisplaces(ResetPolicy):
    """A stranger who asks often enough voids the link in the owner's mail."""

    def issue(self, live, new, *, epoch, now):
        return (*live, new)[-self.live :]


@PLOT.subclass(LAWS, says="works in its time alone", seen="M-028", of=family("reset"))
class AResetWithoutAnEnd(ResetPolicy):
    """A link from an old mailbox works for ever."""

    def in_time(self, expires, now):
        return True


@PLOT.subclass(LAWS, says="A session that is over stays over", seen="M-028", of=family("sessions"))
class ASessionWithoutAnEnd(SessionPolicy):
    """A session never ends by itself."""

    def judge(self, session, *, token, now):
        return Live(session=session, expires=now + timedelta(days=1), renewed=None, turns=False)


@PLOT.subclass(LAWS, says="That is enough; no path of the policy says so", seen="M-114", of=family("recovery"))
class ARecoveryThatNeedsNoFactor(RecoveryPolicy):
    """Mail alone carries a reset, whatever the account has set up."""

    def judge(self, proofs, **facts):
        return Enough(timedelta(0), weak=True)


def hashing(says, seen=""):
    def of(faulty):
        return evolve(RACING, name="planted", hashing=evolve(RACING.hashing, foreign=(faulty(),)))

    return PLOT.subclass(LAWS, says=says, seen=seen, of=of)


class Format:
    """A format of a platform's own, which verifies nothing."""

    name, share = "careless", 0.5

    def reads(self, stored):
        return stored.startswith("careless:")

    def verify(self, stored, password):
        return False

    def decoy(self):
        return "careless:"


@hashing("A format that is listed reads", "M-042")
class AFormatThatTakesAnything(Format):
    """Its empty hash matches whatever is typed: whoever has no password has every one."""

    def verify(self, stored, password):
        return True
