"""What steps answer: small values that the flows turn into outcomes."""

from datetime import datetime

from acctsec._values import Value
from acctsec.outcomes import ChangeReason
from acctsec.record import Change, Device, Session


class Granted(Value, frozen=True):
    """All is proven. *device* is the browser from which it was, at a sign-in."""

    session: Session
    device: Device | None


class NeedsFactor(Value, frozen=True):
    """
    A second factor is due; *methods* is what is proven so far, *ways* are the smallest sets that would be enough. *risky*: the
    rules for strange requests hold, until all is proven.
    """

    methods: tuple[str, ...]
    ways: tuple[frozenset[str], ...] = ()
    risky: bool = False


class NeedsPuzzle(Value, frozen=True):
    """A puzzle has to be solved first."""


class NeedsChange(Value, frozen=True):
    """The password must change first; *methods* is what is proven so far."""

    reason: ChangeReason
    methods: tuple[str, ...] = ("password",)


class NeedsEnrollment(Value, frozen=True):
    """A factor must be set up first; *methods* is what is proven so far, *risky* as of NeedsFactor."""

    methods: tuple[str, ...] = ("password",)
    risky: bool = False


class Changed(Value, frozen=True):
    """The password is changed."""

    device: Device | None


class FactorProven(Value, frozen=True):
    """A factor is proven for a reset."""

    methods: tuple[str, ...]


class Done(Value, frozen=True):
    """The change is made; *session* replaces the one that asked, where there is one."""

    session: Session | None = None
    count: int = 0


class Held(Value, frozen=True):
    """Not before *until*: what is asked for could not be taken back."""

    until: datetime


class Making(Value, frozen=True):
    """The *change* is decided: the platform's table is told, and then it is done."""

    change: Change


class No(Value, frozen=True):
    """Refused; *reason* is for operators alone."""

    reason: str


class Stale(Value, frozen=True):
    """The evidence was made against a verifier that is no longer there."""
