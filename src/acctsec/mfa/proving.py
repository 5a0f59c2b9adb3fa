"""What an answer fits, and how it is used up: each kind of match knows what it does to the factors."""

from hmac import compare_digest
from typing import Protocol

from acctsec._values import Value, evolve
from acctsec.assurance import Method
from acctsec.record import Factors


class Proven(Value, frozen=True):
    """
    A factor is proven, by that *method*, and marked as used in *factors*. *regressed*: its counter did not rise, and the policy
    lets that pass.
    """

    factors: Factors
    method: str
    regressed: bool = False


class Unproven(Value, frozen=True):
    """
    The answer is wrong, was used before, or belongs to a factor that is gone; *reason* is for operators. *regressed*: the factor
    answered, with a counter that did not rise.
    """

    reason: str = "wrong code"
    regressed: bool = False


class Match(Protocol):
    """An answer that fits, as it was when the record was read; the record it is used on may be another by then."""

    @property
    def factor(self) -> str:
        """The id of the factor; "recovery" for a printed code."""

    def use(self, factors: Factors) -> Proven | Unproven:
        """Accept it once, for all time: whatever was accepted before, or is gone or reported lost meanwhile, is Unproven."""


class TotpMatch(Value, frozen=True):
    """A code belongs to these time steps of one authenticator, oldest first. *drift* is what its clock is off by then."""

    factor: str
    steps: tuple[int, ...]
    drift: int = 0

    def use(self, factors: Factors) -> Proven | Unproven:
        """
        Accept a time step above every one accepted before.

        A step that was accepted, or skipped by a later one, is never accepted again, on any ticket or endpoint.
        """
        step = max(self.steps, default=-1)  # a code that two steps share by chance is used up with the later one
        for one in factors.totp:
            if one.id == self.factor and step > one.last_step and not one.reported:
                return Proven(factors.with_factor(evolve(one, last_step=step, drift=self.drift)), Method.TOTP.value)
        return Unproven()


class HotpMatch(Value, frozen=True):
    """A code belongs to this *counter* of one token."""

    factor: str
    counter: int

    def use(self, factors: Factors) -> Proven | Unproven:
        """
        Accept a counter that was not passed yet; the next that may be used is the one above it, and never one below.

        So a code works once, whoever else answers at that moment, and those that were skipped never work.
        """
        for one in factors.hotp:
            if one.id == self.factor and self.counter >= one.counter and not one.reported:
                return Proven(factors.with_factor(evolve(one, counter=self.counter + 1)), Method.HOTP.value)
        return Unproven()


class OutsideMatch(Value, frozen=True):
    """Somebody else has accepted an answer, for one factor of what the policy calls *method*."""

    factor: str
    method: str

    def use(self, factors: Factors) -> Proven | Unproven:
        """Accept it, where the factor is there still. That it is good once is the ticket's part: he checked it for that one."""
        for one in factors.outside:
            if one.id == self.factor and one.method == self.method and not one.reported:
                return Proven(factors, self.method)
        return Unproven()


class DeliveredMatch(Value, frozen=True):
    """A code is the one that was *sent* to a factor for a ticket; *sent* is its keyed digest, *method* what it proves."""

    factor: str
    sent: bytes
    method: str

    def use(self, factors: Factors) -> Proven | Unproven:
        """Accept it once: with it goes all that was sent for its ticket, which is spent as well."""
        one = next((each for each in factors.sent if compare_digest(each.digest, self.sent)), None)
        found = None if one is None else factors.factor(one.factor)
        if one is None or found is None or found.reported or found.id != self.factor:
            return Unproven()
        left = tuple(each for each in factors.sent if each.ticket != one.ticket)
        return Proven(evolve(factors, sent=left), self.method)


class RecoveryMatch(Value, frozen=True):
    """A code is number *index* of this *generation*."""

    generation: int
    index: int
    factor: str = "recovery"

    def use(self, factors: Factors) -> Proven | Unproven:
        """Accept a printed code that was never used, of the newest generation, beside a factor that it stands in for."""
        codes = factors.recovery
        if factors.live and codes and codes.generation == self.generation and not codes.used >> self.index & 1:
            used = evolve(codes, used=codes.used | 1 << self.index)
            return Proven(evolve(factors, recovery=used), Method.RECOVERY_CODE.value)
        return Unproven()
