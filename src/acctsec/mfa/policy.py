"""Which factors there are, who needs one, and what becomes of them."""

from datetime import datetime

from attrs import field, frozen

from acctsec._values import Value, evolve
from acctsec.checks import kind, text, whole
from acctsec.errors import ConfigError
from acctsec.protocols import name_set
from acctsec.record import Factors, RecoverySet, Totp


class TotpMatch(Value, frozen=True):
    """A code belongs to these time steps of one authenticator, oldest first."""

    factor: str
    steps: tuple[int, ...]


class RecoveryMatch(Value, frozen=True):
    """A code is number *index* of this *generation*."""

    generation: int
    index: int


FactorMatch = TotpMatch | RecoveryMatch


class Proven(Value, frozen=True):
    """The factor is proven and marked as used in *factors*."""

    factors: Factors
    method: str


class Unproven(Value, frozen=True):
    """The answer is wrong, was used before, or belongs to a factor that is gone."""


@frozen(kw_only=True)
class MfaPolicy:
    """
    Who has to prove a second factor, and how.

    Args:
        issuer: the name authenticator apps show. Colons are not allowed in it (the otpauth URI uses them). Default acctsec,
            to be replaced by the service's own.
        required_groups: groups of ``Account.groups`` that must have a factor. Default: none; everybody may have one.
        required: everybody must have a factor. Default False: one factor is AAL1 (SP 800-63B-4 section 2.1); ASVS 5.0 6.3.3
            wants two from level 2.
        window: TOTP steps of 30 s accepted on either side of now. Default 1 (RFC 6238 section 5.2), 0 for the strict
            reading of ASVS 6.5.5.
        recovery_codes: how many are issued at once. Default 10 (peers: 5 to 12).

    Codes have 6 digits, 30 seconds and SHA-1, the one form every authenticator app speaks (RFC 6238).
    """

    issuer: str = field(default="acctsec", validator=text())
    required: bool = field(default=False, validator=kind(bool))
    required_groups: frozenset[str] = field(default=frozenset(), converter=name_set)
    window: int = field(default=1, validator=whole(0, 1))
    recovery_codes: int = field(default=10, validator=whole(4, 16))

    def __attrs_post_init__(self) -> None:
        if ":" in self.issuer:
            raise ConfigError("The issuer has a colon in it.", remedy="Leave it out; otpauth URIs use it as a separator.")

    def requires(self, groups: frozenset[str]) -> bool:
        """Whether members of *groups* must have a factor; decided at every grant, from what is true then."""
        return self.required or not self.required_groups.isdisjoint(groups)

    def add(self, factors: Factors, new: Totp) -> Factors | None:
        """Add a confirmed authenticator, or None when it is there already or there is no room; see ``Factors.has_room_for``."""
        if factors.factor(new.id) is not None or not factors.has_room_for(new):
            return None
        return factors.with_factor(new)

    def remove(self, factors: Factors, factor_id: str, *, groups: frozenset[str]) -> Factors | None:
        """
        Remove an authenticator, or None when there is no such one or the policy needs it.

        With the last one the recovery codes go too: they stand in for an authenticator.
        """
        left = tuple(one for one in factors.totp if one.id != factor_id)
        if len(left) == len(factors.totp) or (not left and self.requires(groups)):
            return None
        return evolve(factors, totp=left, recovery=factors.recovery if left else None)

    def rename(self, factors: Factors, factor_id: str, name: str) -> Factors | None:
        """Give an authenticator another name."""
        if all(one.id != factor_id for one in factors.totp):
            return None
        return evolve(factors, totp=tuple(evolve(one, name=name) if one.id == factor_id else one for one in factors.totp))

    def issue(self, factors: Factors, *, sealed: bytes, total: int, now: datetime) -> Factors:
        """Replace the recovery codes; every older one is void."""
        generation = factors.generation + 1
        codes = RecoverySet(generation=generation, sealed=sealed, total=total, since=now)
        return evolve(factors, generation=generation, recovery=codes)

    def prove(self, factors: Factors, match: FactorMatch | None) -> Proven | Unproven:
        """
        Accept a match once: a time step above every one accepted before, a recovery code never used.

        A step that was accepted, or skipped by a later one, is never accepted again, on any ticket or endpoint.
        """
        if isinstance(match, TotpMatch):
            step = max(match.steps, default=-1)  # a code that two steps share by chance is used up with the later one
            for one in factors.totp:
                if one.id == match.factor and step > one.last_step:
                    used = tuple(evolve(other, last_step=step) if other.id == one.id else other for other in factors.totp)
                    return Proven(evolve(factors, totp=used), "totp")
        if isinstance(match, RecoveryMatch):
            codes = factors.recovery
            if factors.live and codes and codes.generation == match.generation and not codes.used >> match.index & 1:
                used_codes = evolve(codes, used=codes.used | 1 << match.index)
                return Proven(evolve(factors, recovery=used_codes), "recovery-code")
        return Unproven()
