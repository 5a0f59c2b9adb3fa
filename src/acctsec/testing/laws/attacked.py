"""Laws that attackers try to break: each script of `acctsec.testing.attackers`, against the promise of the policy."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from attrs import evolve

from acctsec.errors import ConfigError
from acctsec.testing import attackers
from acctsec.testing.attackers import Attacked
from acctsec.testing.laws.asking import Asking, Family, NotAsked, law
from acctsec.testing.laws.words import span
from acctsec.testing.turns import race_world
from acctsec.testing.world import World

AT_ONCE = 64


def _attack(ask: Asking, told: str, script: Callable[[World[Any]], Attacked], world: World[Any] | None = None) -> Attacked:
    """Let an attacker loose on a fresh world, and hold the policy to its promise."""
    w = ask.world() if world is None else world
    with ask.trying(told):
        try:
            attacked = script(w)
        except ConfigError as error:
            raise NotAsked(f"The attack cannot be played: {error}") from error
    with ask.trying(f"{told} It takes {span(attacked.took)} and {attacked.tried:,} attempts."):
        assert not attacked.broken, " ".join(attacked.broken)
    return attacked


@law("stuffing-opens-what-was-leaked", Family.ENGINE, "I19")
def stuffing_opens_what_was_leaked(ask: Asking) -> None:
    """Who tries leaked passwords opens the accounts that still have them and no second factor, and no other."""
    _attack(
        ask,
        "A botnet tries the leaked password of each of 12 people; 3 still have it, one of them with a factor.",
        attackers.stuff,
    )


@law("spraying-ends-at-the-source", Family.LOCKOUT, "I13", "I14")
def spraying_ends_at_the_source(ask: Asking) -> None:
    """One source that tries one password at everybody is stopped by its own budget."""
    people = ask.policy.lockout.source.free + 30
    if people > 600:
        raise NotAsked(f"lockout.source.free is {people - 30:,}: the story would take too long.")
    told = f"One source tries one password at each of {people} accounts."
    _attack(ask, told, lambda w: attackers.spray(w, people=people))


@law("guessing-ends-at-the-stop", Family.LOCKOUT, "I12", "I13")
def guessing_ends_at_the_stop(ask: Asking) -> None:
    """Who guesses at one account, from however many sources, has no more guesses than is promised and than is explained."""
    attacked = _attack(ask, "A botnet of 1,000 addresses guesses at one account.", attackers.guess)
    said = ask.policy.lockout.explain().botnet.within(attacked.took)
    with ask.trying(f"A botnet guesses at one account for {span(attacked.took)}."):
        assert attacked.compared <= said, f"{attacked.compared} guesses are compared; explain() says {said}."


@law("parallel-guessing-is-no-faster", Family.LOCKOUT, "I12", "I37")
def parallel_guessing_is_no_faster(ask: Asking) -> None:
    """A crowd of guesses at the same moment has no more comparisons than the free ones of their lane."""
    lockout = evolve(ask.cheap.lockout, patience=timedelta(milliseconds=5))  # those who wait give up soon
    policy = evolve(ask.cheap, lockout=lockout)

    def crowd(w: World[Any]) -> Attacked:
        attacked = attackers.guess(w, tries=AT_ONCE, at_once=AT_ONCE, pause=timedelta(0))
        free = lockout.strangers.free
        return evolve(attacked, promise=evolve(attacked.promise, says="lockout.strangers.free", compared=free))

    _attack(ask, f"At the same moment {AT_ONCE} strangers guess at one account.", crowd, race_world(policy=policy, seed=ask.seed))


@law("victim-gets-in", Family.LOCKOUT, "I16")
def a_victim_gets_in(ask: Asking) -> None:
    """Whatever strangers do to an account, its owner signs in on a known device at once."""
    _attack(ask, "Strangers fail at an account for hours, while its owner comes back on a known device.", attackers.lock_out)


@law("reset-guessing-ends", Family.RESET, "I05", "I12", "I13")
def reset_guessing_ends(ask: Asking) -> None:
    """No forged link opens anything, and typed codes are compared no more often than their budget says."""
    _attack(
        ask,
        "A thief forges reset links of a victim, and types codes into a reset that was asked for in the victim's name.",
        attackers.guess_reset,
    )


@law("code-guessing-ends", Family.MFA, "I12", "I13", "I20")
def code_guessing_ends(ask: Asking) -> None:
    """Who has the password and guesses codes comes to the stop of the lane, whatever the password clears."""
    _attack(ask, "Somebody who knows the password guesses at the code of the app.", attackers.guess_totp)


@law("reset-flood-ends", Family.RESET, "I24", "I27")
def reset_floods_end(ask: Asking) -> None:
    """However often a reset is asked for, an address gets no more mails than its budget says."""
    _attack(ask, "Sixty sources ask for resets of one account.", attackers.flood)


@law("nobody-looks-like-somebody", Family.ENGINE, "I31")
def nobody_looks_like_somebody(ask: Asking) -> None:
    """A name that nobody has gets the same answers, and costs the same hashes, as one that somebody has."""
    _attack(
        ask,
        "A stranger tries passwords and a reset at a name that somebody has, and at one that nobody has.",
        attackers.enumerate_names,
    )


LAWS = (
    stuffing_opens_what_was_leaked,
    spraying_ends_at_the_source,
    guessing_ends_at_the_stop,
    parallel_guessing_is_no_faster,
    a_victim_gets_in,
    reset_guessing_ends,
    code_guessing_ends,
    reset_floods_end,
    nobody_looks_like_somebody,
)
