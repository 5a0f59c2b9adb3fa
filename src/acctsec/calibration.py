"""
Choosing what a hash costs by what the host can bear.

Pure: how long a hash takes on this host is asked of a function, so that no figure is ever scaled from another one.
"""

from collections.abc import Callable
from datetime import timedelta

from attrs import frozen

from acctsec.errors import ConfigError
from acctsec.hashing import OWASP, Argon2Parameters, HashingPolicy

PASSES = 3
"""
Passes that are sought before more memory. An attacker has to move 2 times the memory in one pass, 2.5 times a pass in two and
2.67 in three, while the defender's time is about that of memory * passes; RFC 9106 section 4 has three at 64 MiB as well.
"""
_MIB = 1024  # KiB
_MOST = HashingPolicy().ceiling
_LEAST_KIB = min(one.memory_kib for one in OWASP)


@frozen(kw_only=True)
class Calibrated:
    """What was chosen: *policy*, and the *seconds* that one of its hashes takes while as many run as it permits."""

    policy: HashingPolicy
    seconds: float

    @property
    def hashes_per_second(self) -> float:
        """At full rate, of all permits together."""
        return (self.policy.permits or 1) / self.seconds


def calibrate(measure: Callable[[Argon2Parameters], float], *, memory_kib: int, at_once: int, latency: timedelta) -> Calibrated:
    """
    Choose memory by the budget and passes by the time, as RFC 9106 section 4 has it.

    *memory_kib* is the budget of all hashes together, *at_once* how many are computed at the same time, *latency* what one
    of them may take then; *measure* tells how many seconds it does take. Each hash gets its share of the budget, at most the
    ceiling of HashingPolicy. Where three passes over that take too long, the memory is lowered until they do not; then
    passes are added as long as they fit. The queue is what the permits do within ``patience``.

    Raises ConfigError when the share, or the latency, is below what OWASP asks for.
    """
    share = min(memory_kib // at_once, _MOST.memory_kib) // _MIB * _MIB
    if share < _LEAST_KIB:
        message = f"{memory_kib // 1024} MiB for {at_once} hashes at once leave {share // 1024} MiB for each."
        least = -(-at_once * _LEAST_KIB // 1024)
        raise ConfigError(message, remedy=f"Give {least} MiB or more, or let fewer run at once.")
    chosen, seconds = _most_memory(measure, share, latency.total_seconds())
    while chosen.time_cost < _MOST.time_cost:
        more = Argon2Parameters(chosen.memory_kib, chosen.time_cost + 1)
        took = measure(more)
        if took > latency.total_seconds():
            break
        chosen, seconds = more, took
    return Calibrated(policy=_policy(chosen, seconds, at_once), seconds=seconds)


def _most_memory(measure: Callable[[Argon2Parameters], float], share: int, limit: float) -> tuple[Argon2Parameters, float]:
    """The most memory, in whole MiB, at which the passes that are sought take *limit* at most."""
    least = Argon2Parameters(_LEAST_KIB, _passes(_LEAST_KIB))
    fastest = measure(least)
    if fastest > limit:
        message = f"The least that OWASP asks for takes {1000 * fastest:.0f} ms here, and {1000 * limit:.0f} ms are allowed."
        raise ConfigError(message, remedy="Allow more time, let fewer run at once, or take a faster machine or build of Argon2.")
    # A hash takes about as long as memory * passes, so this tells where to measure: from too much memory downwards.
    memory = min(share, _aimed(1.5 * least.memory_kib * least.time_cost / PASSES, limit / fastest))
    while memory > _LEAST_KIB:
        cost = Argon2Parameters(memory, _passes(memory))
        seconds = measure(cost)
        if seconds <= limit:
            return cost, seconds
        # At most half at a step: a single slow measurement is no verdict.
        memory = min(memory - _MIB, _aimed(memory, max(0.98 * limit / seconds, 0.5)))
    return least, fastest


def _aimed(memory_kib: float, ratio: float) -> int:
    return int(memory_kib * ratio) // _MIB * _MIB


def _passes(memory_kib: int) -> int:
    return max(PASSES, min(one.time_cost for one in OWASP if one.memory_kib <= memory_kib))


def _policy(cost: Argon2Parameters, seconds: float, at_once: int) -> HashingPolicy:
    patience = HashingPolicy().patience.total_seconds()
    queue = max(1, min(10_000, int(patience * at_once / seconds)))
    return HashingPolicy(memory_kib=cost.memory_kib, time_cost=cost.time_cost, permits=at_once, queue=queue)
