"""Who got in, what was asked of him, and which sessions and devices are over."""

from attrs import frozen

from acctsec.events.shared import Event
from acctsec.outcomes import AssuranceLevel, EndReason


@frozen(kw_only=True)
class SignedInEvent(Event):
    """A session was granted; *methods* are the proofs, in order. *rehashed*: the verifier was renewed on the way."""

    session: str
    level: AssuranceLevel
    methods: tuple[str, ...]
    known_device: bool
    rehashed: bool = False


@frozen(kw_only=True)
class SteppedUp(Event):
    """A *session* proved more, by *methods*, for an *action*: it is a new one from now on, of that *level*."""

    session: str
    level: AssuranceLevel
    methods: tuple[str, ...]
    action: str


@frozen(kw_only=True)
class SessionClosed(Event):
    """
    One session was signed out, by its owner or an *actor*; or another sign-in took its place (*reason* ``displaced``).
    """

    session: str
    reason: EndReason = EndReason.ENDED
    actor: str = ""


@frozen(kw_only=True)
class SessionCopied(Event):
    """
    A token of a *session* came back that its browser had replaced: somebody has a copy of one. The session is over for both.
    """

    session: str
    generation: int


@frozen(kw_only=True)
class SessionsClosed(Event):
    """All sessions were ended."""

    count: int
    actor: str = ""


@frozen(kw_only=True)
class DeviceRevoked(Event):
    """A known device was forgotten: from now on it stands with the strangers."""

    device: str


@frozen(kw_only=True)
class RiskAssessed(Event):
    """
    A sign-in with the right password was weighed: the *score* and what each feature added to it, in hundredths of a ban, and
    the *extra* they asked for (``none``, ``challenge``, ``factor``). Nothing personal is in it.
    """

    score: int
    contributions: tuple[tuple[str, int], ...]
    extra: str
