"""
Attackers: scripts that attack a world the way people are attacked, and what the policy promises against each.

Each takes a `World` and answers an `Attacked`: how many guesses were compared, whose accounts fell, how long the owner was kept
out, how many mails came. The promise comes from the knobs of the policy, and from nothing that the engine says.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from attrs import frozen

from acctsec.claims import ResetCode, ResetLink, TotpCode
from acctsec.errors import ConfigError
from acctsec.explained.said import length
from acctsec.outcomes import FactorKind, FactorRequired, PasswordChanged, Refused, SignedIn
from acctsec.protocols import MessagePurpose
from acctsec.testing._victims import ENTERED, FOR_EVER, Owner, addresses, chosen
from acctsec.testing.turns import RaceWorld
from acctsec.testing.world import World

__all__ = [
    "ATTACKS",
    "Attacked",
    "Promise",
    "enumerate_names",
    "flood",
    "guess",
    "guess_reset",
    "guess_totp",
    "lock_out",
    "spray",
    "stuff",
]

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@frozen(kw_only=True)
class Promise:
    """
    What a policy promises against an attack: at most so many guesses *compared*, nobody but *open* falls, the owner is kept out
    no longer than *refused*, and at most so many *mails*. None: it promises nothing of the kind. *says* is where that stands.
    """

    says: str
    compared: int | None = None
    open: tuple[str, ...] = ()
    refused: timedelta | None = None
    mails: int | None = None
    told: int = 0


@frozen(kw_only=True)
class Attacked:
    """
    What came of an attack.

    *tried* is what the attacker did, *compared* how many of that were really compared, *opened* are the names whose accounts
    fell, *refused* is how long the owner was kept out (None where nobody looked), *mails* is what was sent, *told* the number of
    answers by which somebody could be told from nobody, and *took* the time it lasted.
    """

    attack: str
    tried: int
    took: timedelta
    promise: Promise
    compared: int = 0
    opened: tuple[str, ...] = ()
    refused: timedelta | None = None
    mails: int = 0
    told: int = 0

    @property
    def broken(self) -> tuple[str, ...]:
        """What of the promise was not kept, a sentence each; empty where all was."""
        found, promise = [], self.promise
        if promise.compared is not None and self.compared > promise.compared:
            found.append(f"{self.compared:,} guesses are compared; {promise.says} allows {promise.compared:,}.")
        fallen = sorted({*self.opened} - {*promise.open})
        if fallen:
            found.append(f"{', '.join(fallen)} is opened; {promise.says} opens {', '.join(promise.open) or 'nobody'}.")
        if promise.refused is not None and self.refused is not None and self.refused > promise.refused:
            what = "for as long as anybody looked" if self.refused >= FOR_EVER else f"for {length(self.refused)}"
            due = f"within {length(promise.refused)}" if promise.refused else "at once"
            found.append(f"The owner is kept out {what}; {promise.says} lets him in {due}.")
        if promise.mails is not None and self.mails > promise.mails:
            found.append(f"{self.mails:,} mails are sent to one address; {promise.says} allows {promise.mails:,}.")
        if self.told > promise.told:
            found.append(f"By {self.told:,} answers somebody is told from nobody; {promise.says} rules that out.")
        return tuple(found)


def stuff(world: World[Any], *, people: int = 12, reused: int = 3) -> Attacked:
    """
    Credential stuffing: a botnet tries the leaked password of everybody once, and *reused* of them still have it; the last of
    those has a second factor.
    """
    w, begun = world, world.clock()
    owners = [Owner.settled(w, name=f"person-{number}", factor=number == reused - 1) for number in range(people)]
    leaked = {one.identifier: one.password if at < reused else f"stale leak {at}" for at, one in enumerate(owners)}
    before, opened = len(w.comparisons.guesses), []
    for one, address in zip(owners, addresses(people), strict=False):
        answer = w.calls.sign_in(one.identifier, leaked[one.identifier], context=w.context(address))
        if isinstance(answer, SignedIn):
            opened.append(one.identifier)
    return Attacked(
        attack="credential stuffing",
        tried=people,
        took=w.clock() - begun,
        compared=len(w.comparisons.guesses) - before,
        opened=tuple(opened),
        promise=Promise(
            says="a leaked password without a second factor",
            open=tuple(one.identifier for one in owners[:reused] if not one.guarded),
        ),
    )


def spray(world: World[Any], *, people: int = 80) -> Attacked:
    """Password spraying: one source tries the one likeliest password at everybody, as fast as it can."""
    w = world
    names = [Owner.settled(w).identifier, *(f"person-{number}@example.org" for number in range(1, people))]
    for number, name in enumerate(names[1:], 1):
        w.sign_up(f"person-{number}", name, chosen(w.policy))
    begun, before = w.clock(), len(w.comparisons.guesses)
    opened = _opened(w, names, ["Password1!"], lambda: "203.0.113.9")
    return Attacked(
        attack="password spraying",
        tried=people,
        took=w.clock() - begun,
        compared=len(w.comparisons.guesses) - before,
        opened=opened,
        promise=Promise(says="lockout.source.free", compared=w.policy.lockout.source.free),
    )


def guess(
    world: World[Any], *, sources: int = 1000, tries: int = 400, pause: timedelta = 5 * MINUTE, at_once: int = 1
) -> Attacked:
    """
    Guess at one account, from many sources: *tries* wrong passwords, *at_once* of them at the same moment, then a *pause*.

    More than one at a moment takes a world of ``race_world()``, in which everybody gets as far as the others at each step.
    """
    w = world
    if at_once > 1 and not isinstance(w, RaceWorld):
        raise ConfigError("This world makes one call after the other.", remedy="Take race_world(), or at_once=1.")
    owner, source = Owner.settled(w), addresses(sources)
    begun, before = w.clock(), len(w.comparisons.guesses)
    opened: tuple[str, ...] = ()
    for first in range(0, tries, at_once):
        wrong = [f"wrong guess number {number}" for number in range(first, min(first + at_once, tries))]
        if at_once > 1:
            contexts = [w.context(next(source)) for _ in wrong]
            flows = [w.engine.sign_in(owner.identifier, one, context=c) for one, c in zip(wrong, contexts, strict=True)]
            opened += tuple(owner.identifier for answer in together(flows) if isinstance(answer, ENTERED))
        else:
            opened += _opened(w, [owner.identifier], wrong, lambda: next(source))
        w.clock.advance(pause)
    lockout = w.policy.lockout
    months = -(-(w.clock() - begun) // (lockout.month.window or FOR_EVER))
    lanes = (1 + lockout.networks) * lockout.strangers.stop
    return Attacked(
        attack="guessing at one account",
        tried=tries,
        took=w.clock() - begun,
        compared=len(w.comparisons.guesses) - before,
        opened=opened,
        promise=Promise(
            says="lockout.strangers.stop and lockout.month.stop", compared=min(lanes, lockout.month.stop * (months + 1))
        ),
    )


def lock_out(world: World[Any], *, sources: int = 200, tries: int = 200, pause: timedelta = 2 * MINUTE) -> Attacked:
    """
    Lock a victim out: strangers fail at an account for hours, and its owner signs in on a known device meanwhile and afterwards.
    """
    w = world
    owner, source = Owner.settled(w), addresses(sources)
    if owner.device is None:
        raise ConfigError("The owner has no known device under this policy.", remedy="Let a password and an app sign in.")
    begun, worst = w.clock(), timedelta(0)
    for number in range(tries):
        w.calls.sign_in(owner.identifier, f"wrong guess number {number}", context=w.context(next(source)))
        w.clock.advance(pause)
        if number % 50 == 49:
            worst = max(worst, owner.kept_out("192.0.2.7", device=owner.device))
    return Attacked(
        attack="locking a victim out",
        tried=tries,
        took=w.clock() - begun,
        refused=worst,
        promise=Promise(says="a lane of its own for each known device", refused=timedelta(0)),
    )


def guess_reset(world: World[Any], *, tries: int = 60, pause: timedelta = MINUTE) -> Attacked:
    """
    Guess a reset: forge links of the victim's out of one of the attacker's own, and type codes into a reset that was asked for in
    the victim's name.
    """
    w = world
    victim, thief = Owner.settled(w, name="victim"), Owner.settled(w, name="thief")
    own = thief.mailed()
    if own is None:
        raise ConfigError(
            "No reset is mailed to anybody under this policy.", remedy="Name a path of recovery that begins by mail."
        )
    handle = w.calls.request_reset(victim.identifier, context=w.context("203.0.113.9")).handle
    w.deliver()
    begun, opened, source = w.clock(), [], addresses(100)
    new = chosen(w.policy, but=(victim.password,))
    for number in range(tries):
        forged = own[: -1 - number % 40] + chr(ord("A") + number % 26) + own[len(own) - number % 40 :]
        code = f"{number * 7919 % 10**w.policy.reset.code_digits:0{w.policy.reset.code_digits}d}"
        for proof in (ResetLink(forged), ResetCode(handle, code)):
            context = w.context(next(source))
            if isinstance(proof, ResetLink) and forged == own:
                continue
            answer = w.calls.redeem_reset(proof, new, context=context)
            if isinstance(answer, PasswordChanged):
                opened.append(victim.identifier)
        w.clock.advance(pause)
    compared = _evaluated(w, "redeem_reset", but=("lane", "dead link"))
    codes = w.policy.lockout.codes
    days = -(-(w.clock() - begun) // (codes.window or DAY))
    return Attacked(
        attack="guessing a reset",
        tried=2 * tries,
        took=w.clock() - begun,
        compared=compared,
        opened=tuple(opened),
        promise=Promise(says="lockout.codes.stop", compared=codes.stop * (days + 1)),
    )


def guess_totp(world: World[Any], *, tries: int = 150, pause: timedelta = 40 * MINUTE) -> Attacked:
    """Guess the code of an authenticator app, with the right password in hand, for days and from many sources."""
    w = world
    if FactorKind.TOTP not in w.policy.mfa.kinds:
        raise ConfigError("Nobody has an app under this policy.", remedy="List FactorKind.TOTP in mfa.kinds.")
    owner, source = Owner.settled(w, factor=True), addresses(200)
    if owner.app is None:
        raise ConfigError("The owner could not set an app up.", remedy="Let a password begin it.")
    begun, opened = w.clock(), []
    for number in range(tries):
        address = next(source)
        begun_ = w.calls.sign_in(owner.identifier, owner.password, context=w.context(address))
        if isinstance(begun_, FactorRequired):
            code: TotpCode = owner.app.wrong(w.clock(), number)
            answer = w.calls.verify_factor(begun_.ticket, code, context=w.context(address))
            if not isinstance(answer, Refused):
                opened.append(owner.identifier)
        w.clock.advance(pause)
    lockout = w.policy.lockout
    return Attacked(
        attack="guessing a code",
        tried=tries,
        took=w.clock() - begun,
        compared=_evaluated(w, "verify_factor", but=("lane",)),
        opened=tuple(opened),
        promise=Promise(says="lockout.strangers.stop", compared=lockout.strangers.stop),
    )


def flood(world: World[Any], *, tries: int = 120, sources: int = 60) -> Attacked:
    """Bomb a mailbox: ask for resets of one account from many sources, within a moment."""
    w = world
    owner, source = Owner.settled(w), addresses(sources)
    w.deliver()
    before, begun = len(w.messenger.of(MessagePurpose.RESET)), w.clock()
    for _ in range(tries):
        w.calls.request_reset(owner.identifier, context=w.context(next(source)))
    w.deliver()
    return Attacked(
        attack="flooding a mailbox",
        tried=tries,
        took=w.clock() - begun,
        mails=len(w.messenger.of(MessagePurpose.RESET)) - before,
        promise=Promise(says="reset.per_subject.limit", mails=w.policy.reset.per_subject.limit),
    )


def enumerate_names(world: World[Any], *, tries: int = 12) -> Attacked:
    """
    Ask whether somebody has an account: the same wrong passwords and the same reset for a name that somebody has, and for one
    that nobody has. ``assert_no_oracle`` looks far closer.
    """
    w = world
    owner = Owner.settled(w, name="somebody")
    nobody, begun, told = "no-one-ever@example.org", w.clock(), 0
    for at, ask in enumerate((*[f"wrong guess {number}" for number in range(tries)], None)):
        seen = []
        for name in (owner.identifier, nobody):
            context, before = w.context(f"198.18.{at}.{1 + (name == nobody)}"), len(w.comparisons.all)
            if ask is None:
                answer: object = type(w.calls.request_reset(name, context=context))
            else:
                answer = repr(w.calls.sign_in(name, ask, context=context))
            seen.append((answer, len(w.comparisons.all) - before))
        told += seen[0] != seen[1]
    promise = Promise(says="one answer and one hash for everybody")
    return Attacked(attack="enumerating names", tried=2 * (tries + 1), took=w.clock() - begun, told=told, promise=promise)


ATTACKS: tuple[Callable[[World[Any]], Attacked], ...] = (
    stuff,
    spray,
    guess,
    lock_out,
    guess_reset,
    guess_totp,
    flood,
    enumerate_names,
)
"""All of them, as they run by default."""


# --- what they share --------------------------------------------------------------------------------------------------


def _opened(w: World[Any], names: Sequence[str], passwords: Sequence[str], address: Callable[[], str]) -> tuple[str, ...]:
    tries = [(name, password) for name in names for password in passwords]
    return tuple(name for name, word in tries if isinstance(w.calls.sign_in(name, word, context=w.context(address())), ENTERED))


def _evaluated(w: World[Any], operation: str, *, but: Sequence[str]) -> int:
    """How many attempts were looked at: refused after a comparison, and for none of the reasons *but*."""
    w.deliver()
    seen = [one for one in w.sink.observations if getattr(one, "operation", "") == operation]
    return sum(getattr(one, "kind", "") == "evaluated" and getattr(one, "reason", "") not in but for one in seen)


def together(flows: Sequence[Any]) -> list[object]:
    """Run flows of a ``race_world()`` side by side: all of them make their first store call, then their second, and so on."""
    answers: dict[int, object] = {}
    while len(answers) < len(flows):
        for at, flow in enumerate(flows):
            if at not in answers:
                try:
                    flow.send(None)
                except StopIteration as end:
                    answers[at] = end.value
    return [answers[at] for at in range(len(flows))]
