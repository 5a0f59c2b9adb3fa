"""
Policies that are broken on purpose, as data: each fault, the law that finds it, and words that its counterexample has.

They are what construction does not refuse: rules of a team's own, and families that were subclassed or tampered with.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from unicodedata import normalize

from attrs import evolve, field, frozen

from acctsec import (
    SOCIAL_GUARDED,
    LockoutPolicy,
    MfaPolicy,
    Objection,
    PasswordPolicy,
    Policy,
    RecoveryPolicy,
    ResetPolicy,
    SessionPolicy,
)
from acctsec._values import evolve as evolved
from acctsec.budgets import Budget, Rungs
from acctsec.lockout import Admitted, SecretClass
from acctsec.lockout.hits import HitCount
from acctsec.mfa.actions import Demand
from acctsec.mfa.proving import Proven
from acctsec.outcomes import PasswordRejected
from acctsec.password import Length
from acctsec.protocols import Granted, Ladder, Settle
from acctsec.recovery.policy import Enough
from acctsec.reset import Redeemable
from acctsec.sessions import Live
from acctsec.testing import RACING

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@frozen(kw_only=True)
class Fault:
    """One policy that is broken: *fault* says how, *law* is what finds it, *words* stand in the counterexample."""

    id: str
    fault: str
    law: str
    words: str
    make: Callable[[], Policy] = field(repr=False)


def of(**families):
    """A small policy, but for one family."""
    return evolve(RACING, name="broken", **families)


# --- passwords --------------------------------------------------------------------------------------------------------


class Rule:
    """A rule of a team's own."""

    def __init__(self, judge):
        self._judge = judge

    def judge(self, password, facts):
        return self._judge(password, facts)


def ruled(judge):
    """A policy with such a rule behind the length."""
    return of(password=PasswordPolicy(rules=(Length(), Rule(judge)), estimator=lambda password, words: 20.0))


def dice():
    throws = count(1)
    return ruled(lambda p, f: (Objection("common"),) if next(throws) % 3 == 0 else ())


class Loose(PasswordPolicy):
    def __and__(self, other):
        return self


class Spelling(PasswordPolicy):
    """Refuses what a keyboard took apart."""

    def check(self, password, **facts):
        judged = super().check(password, **facts)
        if isinstance(password, str) and normalize("NFC", password) != password:
            return PasswordRejected((Objection("common"),), judged.strength)
        return judged


@frozen
class Asks:
    """A rule that asks a service, with a key that its field hides and its own repr shows."""

    key: str = field(repr=False)

    def judge(self, password, facts):
        return ()

    def __repr__(self):
        return f"Asks({self.key})"


class Restless:
    """A rule that looks different whenever it is shown."""

    shown = count()

    def judge(self, password, facts):
        return ()

    def __repr__(self):
        return f"Restless({next(self.shown)})"


BACKTRACKING = re.compile(r"(a+)+$")

# --- lockout ----------------------------------------------------------------------------------------------------------


def locked(**methods):
    """A small policy whose lockout has other methods."""
    return of(lockout=type("Broken", (LockoutPolicy,), {"__slots__": (), **methods})())


class Late(Rungs):
    """Rungs that stop one failure late."""

    def ladder(self, lease):
        ladder = super().ladder(lease)
        return Ladder(ladder.free, ladder.first, ladder.longest, ladder.stop + 1, ladder.window, ladder.lease)


class Wider(Rungs):
    """Rungs that allow ten times what they say."""

    def ladder(self, lease):
        return Rungs(free=self.free * 10, first=self.first, longest=self.longest, stop=self.stop * 10, window=self.window).ladder(
            lease
        )

    def narrowed(self, by):
        return self


class More(Budget):
    """A budget that allows ten times what it says."""

    def ladder(self):
        return Budget(limit=self.limit * 10, window=self.window).ladder()


class Longer(Rungs):
    """Rungs that rest up to ten times as long as they say."""

    def ladder(self, lease):
        ladder = super().ladder(lease)
        return Ladder(ladder.free, ladder.first, ladder.longest * 10, ladder.stop, ladder.window, ladder.lease)


def late(self, charges, readings):
    judged = LockoutPolicy.judge(self, charges, readings)
    return Admitted(1, new=True) if type(judged).__name__ == "Crowded" else judged


class Afterwards(LockoutPolicy):
    """Adds a guess to the hit count when it has been compared, as DALock is often told."""

    def too_likely(self, record, lane, *, weight, charges, readings):
        before = [evolved(one, ordinal=one.ordinal - weight * one.new) if isinstance(one, Granted) else one for one in readings]
        return super().too_likely(record, lane, weight=weight, charges=charges, readings=before)


def clears_nothing(self, charges, readings, verdict):
    return LockoutPolicy.settlements(self, charges, readings, Settle.VOID if verdict is Settle.CLEAR else verdict)


def explains_less(self, **asked):
    return evolve(LockoutPolicy(), strangers=Rungs(free=5, first=MINUTE, longest=30 * MINUTE, stop=12)).explain(**asked)


class Generous(LockoutPolicy):
    """Closes no lane to who guesses at second factors."""

    def rungs(self, kind, lane, opened=0):
        if kind is SecretClass.FACTOR:
            return Rungs(free=900, first=MINUTE, longest=MINUTE, stop=900)
        return super().rungs(kind, lane, opened)


# --- the rest ---------------------------------------------------------------------------------------------------------


class Greedy(ResetPolicy):
    def issue(self, live, new, *, epoch, now, addresses=1):
        return (*live, new)[-self.live :]


class Eternal(ResetPolicy):
    def resume(self, live, *, reset, epoch, now):
        return next((Redeemable(one) for one in live if one.id == reset and one.epoch == epoch), None)


class Lasting(ResetPolicy):
    def ends(self, channel, asked, *, initial=False):
        return asked + 300 * DAY, asked + self.code_lifetime


def tampered():
    reset = ResetPolicy()
    object.__setattr__(reset, "link_lifetime", 300 * DAY)
    return of(reset=reset)


class Undying(SessionPolicy):
    def judge(self, session, *, token, now):
        return Live(session=session, expires=now + DAY)


class Graceful(SessionPolicy):
    def _in_grace(self, session, token, now):
        return True


class Careless(MfaPolicy):
    """Asks nobody for a second factor who has one."""

    def demand(self, action, *, groups, fresh, risky=False, guarded=False):
        return super().demand(action, groups=groups, fresh=fresh, risky=risky, guarded=False)


class Ageless(MfaPolicy):
    """Lets proofs for administrators be of any age."""

    def demand(self, action, *, groups, fresh, risky=False, guarded=False):
        asked = super().demand(action, groups=groups, fresh=fresh, risky=risky, guarded=guarded)
        return Demand(needs=asked.needs, max_age=None) if groups else asked


class Trusting(MfaPolicy):
    """Allows everything to a session, whatever its age, and explains what stricter ones do."""

    def demand(self, action, *, groups, fresh, risky=False, guarded=False):
        asked = super().demand(action, groups=groups, fresh=fresh, risky=risky, guarded=guarded)
        return asked if action == "sign-in" else Demand(needs=None, max_age=365 * DAY)

    def explain(self, **asked):
        return MfaPolicy().explain(**asked)


class Forgetful(MfaPolicy):
    """Does not remember which code was used."""

    def prove(self, factors, match):
        proven = super().prove(factors, match)
        return Proven(factors, proven.method) if isinstance(proven, Proven) else proven


class Yielding(MfaPolicy):
    """Lets the last factor go."""

    def remove(self, factors, factor_id, *, groups):
        return factors.without_factor(factor_id)


class Kind(RecoveryPolicy):
    """Gives everything to who shows anything."""

    def judge(self, proofs, **asked):
        return Enough(timedelta(0), weak=True) if proofs else super().judge(proofs, **asked)


class Suspicious(RecoveryPolicy):
    """Wants exactly the proofs of a path, and no more."""

    def judge(self, proofs, **asked):
        judged = super().judge(proofs, **asked)
        return Enough(judged.wait + len(proofs) * DAY, judged.weak) if isinstance(judged, Enough) else judged


class Backwards(RecoveryPolicy):
    """Takes its delay off instead of putting it on."""

    def judge(self, proofs, *, facts, **asked):
        judged = super().judge(proofs, facts=facts, **asked)
        calm = not (facts.new_country or facts.address_changed or facts.sim_changed)
        return Enough(judged.wait + 9 * DAY, judged.weak) if calm and isinstance(judged, Enough) else judged


class Proud(RecoveryPolicy):
    """Explains what a stricter policy does."""

    def explain(self, *, passwords_by_administrators=False):
        return SOCIAL_GUARDED.recovery.explain(passwords_by_administrators=passwords_by_administrators)


FAULTS = (
    Fault(
        id="tampered-lifetime",
        fault="a reset lives 300 days: the field was written past its check",
        law="policy-can-be-built",
        words="link_lifetime",
        make=tampered,
    ),
    Fault(
        id="key-in-repr",
        fault="a rule shows the key of the service that it asks",
        law="policy-hides-its-secrets",
        words="key",
        make=lambda: of(password=PasswordPolicy(rules=(Length(), Asks(key="sk-live-4711")))),
    ),
    Fault(
        id="restless-repr",
        fault="a rule looks different whenever it is shown",
        law="policy-has-a-digest",
        words="digests differ",
        make=lambda: of(password=PasswordPolicy(rules=(Length(), Restless()))),
    ),
    Fault(
        id="rule-raises",
        fault="a rule raises for what is not ASCII",
        law="password-always-judged",
        words="PortError is raised",
        make=lambda: ruled(lambda p, f: (Objection("too-short"),) if p.encode("ascii") == b"" else ()),
    ),
    Fault(
        id="rule-code-unknown",
        fault="a rule objects with a code that nobody knows",
        law="password-always-judged",
        words="rejected for no-e",
        make=lambda: ruled(lambda p, f: (Objection("no-e"),) if "e" in p else ()),
    ),
    Fault(
        id="rule-throws-dice",
        fault="a rule throws dice",
        law="password-judged-alike",
        words="First it is rejected for common, and then accepted",
        make=dice,
    ),
    Fault(
        id="rule-minds-spelling",
        fault="a password that a keyboard took apart is refused",
        law="password-spelling-is-nothing",
        words="decomposed",
        make=lambda: of(password=Spelling(rules=(Length(minimum=8),), estimator=lambda p, w: 20.0)),
    ),
    Fault(
        id="union-loosens",
        fault="a policy joined with a stricter one stays as it was",
        law="composition-only-tightens",
        words="Together they",
        make=lambda: of(password=Loose(rules=(Length(minimum=8),), estimator=lambda p, w: 20.0)),
    ),
    Fault(
        id="union-has-order",
        fault="of two policies joined the first alone counts",
        law="composition-has-no-order",
        words="order",
        make=lambda: of(password=Loose(rules=(Length(minimum=8),), estimator=lambda p, w: 20.0)),
    ),
    Fault(
        id="group-is-ignored",
        fault="what a group asks for is not joined",
        law="account-held-to-every-part",
        words="the parts object",
        make=lambda: of(password=Loose(rules=(Length(minimum=8),), estimator=lambda p, w: 20.0)),
    ),
    Fault(
        id="rule-leaks-password",
        fault="a rule puts what was typed into its message",
        law="objections-hide-the-password",
        words="shows '",
        make=lambda: ruled(lambda p, f: (Objection("common", {"word": p[:8]}),) if p else ()),
    ),
    Fault(
        id="rule-likes-leaks",
        fault="a rule is kinder to passwords that leaked",
        law="more-against-it-never-helps",
        words="once leaks hold it, it is accepted",
        make=lambda: ruled(lambda p, f: () if f.breach_count else (Objection("common"),)),
    ),
    Fault(
        id="rule-refuses-all",
        fault="a rule refuses whatever is typed",
        law="people-can-find-a-password",
        words="refuses every one",
        make=lambda: ruled(lambda p, f: (Objection("common"),)),
    ),
    Fault(
        id="objection-without-params",
        fault="a rule leaves out what the sentence of its code counts",
        law="objections-have-words",
        words="KeyError is raised",
        make=lambda: ruled(lambda p, f: (Objection("breached", {"often": 3}),)),
    ),
    Fault(
        id="rule-backtracks",
        fault="a rule matches with a pattern that takes twice as long for each letter more",
        law="password-work-is-bounded",
        words="more than a second",
        make=lambda: ruled(lambda p, f: (Objection("common"),) if BACKTRACKING.match(p + "!") else ()),
    ),
    Fault(
        id="group-asks-the-impossible",
        fault="a rule of a group refuses whatever is typed",
        law="groups-can-be-met",
        words="the group 'staff'",
        make=lambda: evolve(of(), groups={"staff": PasswordPolicy(rules=(Length(), Rule(lambda p, f: (Objection("common"),))))}),
    ),
    Fault(
        id="rests-too-long",
        fault="the rests of a lane are longer than it says",
        law="failures-never-loosen",
        words="It rests",
        make=lambda: of(lockout=LockoutPolicy(strangers=Longer(free=10, first=MINUTE, longest=30 * MINUTE, stop=50))),
    ),
    Fault(
        id="stop-off-by-one",
        fault="a lane stops one failure late",
        law="lane-never-above-stop",
        words="its stop is 50",
        make=lambda: of(lockout=LockoutPolicy(strangers=Late(free=10, first=MINUTE, longest=30 * MINUTE, stop=50))),
    ),
    Fault(
        id="meters-ignored",
        fault="every guess is admitted, whatever the meters say",
        law="lane-never-above-stop",
        words="its stop is",
        make=lambda: locked(judge=lambda self, charges, readings: Admitted(1, new=True)),
    ),
    Fault(
        id="crowd-admitted",
        fault="who finds the room held by others is compared all the same",
        law="parallel-guesses-share-room",
        words="at the same moment",
        make=lambda: locked(judge=late),
    ),
    Fault(
        id="device-lane-shared",
        fault="known devices are counted with strangers",
        law="nobody-holds-up-a-device",
        words="Of 8 free tries there are 0 left",
        make=lambda: locked(meter=lambda self, kind, lane, era="": b"!" + kind.value.encode()),
    ),
    Fault(
        id="device-forgotten",
        fault="no device is ever known again",
        law="victim-gets-in",
        words="lets him in at once",
        make=lambda: locked(knows=lambda self, place, now: False),
    ),
    Fault(
        id="success-clears-nothing",
        fault="a success leaves the failures before it",
        law="success-opens-its-lane",
        words="They have",
        make=lambda: locked(settlements=clears_nothing),
    ),
    Fault(
        id="hit-count-afterwards",
        fault="a guess is added to the hit count after it was compared",
        law="hit-count-is-never-exceeded",
        words="units they compare 1,025",
        make=lambda: of(lockout=Afterwards(hits=HitCount())),
    ),
    Fault(
        id="source-wider-than-said",
        fault="the budget of a source allows ten times what it says",
        law="spraying-ends-at-the-source",
        words="lockout.source.free allows 50",
        make=lambda: of(
            lockout=LockoutPolicy(source=Wider(free=50, first=MINUTE, longest=15 * MINUTE, stop=5000, window=timedelta(hours=1)))
        ),
    ),
    Fault(
        id="lockout-explains-less",
        fault="the lockout explains fewer guesses than it admits",
        law="guessing-ends-at-the-stop",
        words="explain() says 12",
        make=lambda: locked(explain=explains_less),
    ),
    Fault(
        id="crowd-guesses",
        fault="a crowd of guesses is compared at once",
        law="parallel-guessing-is-no-faster",
        words="64 guesses are compared; lockout.strangers.free allows 10",
        make=lambda: locked(judge=lambda self, charges, readings: Admitted(1, new=True)),
    ),
    Fault(
        id="codes-wider-than-said",
        fault="typed reset codes have ten times the budget that is said",
        law="reset-guessing-ends",
        words="lockout.codes.stop allows 20",
        make=lambda: of(
            lockout=LockoutPolicy(codes=Wider(free=5, first=MINUTE, longest=15 * MINUTE, stop=10, window=timedelta(days=1)))
        ),
    ),
    Fault(
        id="factor-lane-open",
        fault="the lane of second factors stops at 900",
        law="code-guessing-ends",
        words="lockout.strangers.stop allows 50",
        make=lambda: of(lockout=Generous()),
    ),
    Fault(
        id="flood-wider-than-said",
        fault="the budget of reset mails allows ten times what it says",
        law="reset-flood-ends",
        words="mails are sent to one address",
        make=lambda: of(reset=ResetPolicy(per_subject=More(limit=1, window=25 * MINUTE))),
    ),
    Fault(
        id="reset-displaces",
        fault="a new reset pushes a live one out",
        law="reset-ends",
        words="displaces a live reset",
        make=lambda: of(reset=Greedy()),
    ),
    Fault(
        id="reset-never-ends",
        fault="a reset works whatever its age",
        law="reset-ends",
        words="and it works; it says 30 min",
        make=lambda: of(reset=Eternal()),
    ),
    Fault(
        id="reset-lasts",
        fault="a reset is made to end 300 days later",
        law="reset-says-when-it-ends",
        words="It lives 300 days, where the policy says 30 min",
        make=lambda: of(reset=Lasting()),
    ),
    Fault(
        id="session-undying",
        fault="a session is live whatever its age",
        law="session-ends",
        words="It lives on",
        make=lambda: of(sessions=Undying()),
    ),
    Fault(
        id="grace-without-end",
        fault="a session token that was replaced stays good",
        law="replaced-token-ends",
        words="the grace is",
        make=lambda: of(sessions=Graceful()),
    ),
    Fault(
        id="factor-not-asked-for",
        fault="whoever has a second factor is not asked for it",
        law="action-asks-what-rules-say",
        words="though they have a second factor",
        make=lambda: of(mfa=Careless()),
    ),
    Fault(
        id="password-opens-guarded",
        fault="a leaked password signs in where there is a second factor",
        law="stuffing-opens-what-was-leaked",
        words="person-2@example.org is opened",
        make=lambda: of(mfa=Careless()),
    ),
    Fault(
        id="group-loosens-age",
        fault="members of a group may show proofs of any age",
        law="more-rules-never-ask-for-less",
        words="proofs never age; the first time they do",
        make=lambda: of(mfa=Ageless()),
    ),
    Fault(
        id="code-works-twice",
        fault="a code is not remembered once it was used",
        law="code-works-once",
        words="It works again",
        make=lambda: of(mfa=Forgetful()),
    ),
    Fault(
        id="last-factor-goes",
        fault="the last factor can be taken off where one is required",
        law="factor-that-is-due-stays",
        words="It is gone",
        make=lambda: of(mfa=Yielding(required=True)),
    ),
    Fault(
        id="session-does-all",
        fault="an old session may do everything, and it is explained otherwise",
        law="stolen-session-gets-what-is-said",
        words="it is said to do so",
        make=lambda: of(mfa=Trusting()),
    ),
    Fault(
        id="anything-recovers",
        fault="any proof recovers anything",
        law="recovery-takes-a-path",
        words="no path of the policy says so",
        make=lambda: of(recovery=Kind()),
    ),
    Fault(
        id="mail-passes-the-factor",
        fault="the mail alone sets a password where a second factor is live",
        law="reset-asks-for-the-factor",
        words="changed by the mail alone",
        make=lambda: of(recovery=Kind()),
    ),
    Fault(
        id="proof-hurts",
        fault="each proof more makes a recovery wait a day longer",
        law="more-proof-never-hurts",
        words="With it that waits",
        make=lambda: of(recovery=Suspicious()),
    ),
    Fault(
        id="suspicion-helps",
        fault="what speaks against a recovery makes it quicker",
        law="suspicion-never-shortens-a-wait",
        words="where nothing speaks against it, 9 days",
        make=lambda: of(recovery=Backwards()),
    ),
    Fault(
        id="recovery-explains-more",
        fault="a recovery explains a wait that it does not make",
        law="recovery-no-sooner-than-said",
        words="it is said to take 3 days",
        make=lambda: of(recovery=Proud()),
    ),
)
"""All of them, in the order of the laws."""
