"""What guessing came to: counted, slowed, stopped, opened again, or seen across accounts."""

from attrs import frozen

from acctsec.events.shared import Event


@frozen(kw_only=True)
class GuessesCounted(Event):
    """The failures of a *lane*, with the attempt under way, came to *count*; the record knew it before that was compared."""

    lane: str
    count: int


@frozen(kw_only=True)
class GuessingSlowed(Event):
    """A *lane* failed so often, *count* times, that it rests after every further failure."""

    lane: str
    count: int


@frozen(kw_only=True)
class GuessingStopped(Event):
    """A *lane* failed so often, *count* times, that it stays closed until a recovery, its owner or an administrator opens it."""

    lane: str
    count: int


@frozen(kw_only=True)
class GuessingReopened(Event):
    """The owner opened a *lane* that had stopped; *by* says with what: ``link``, ``totp`` or ``recovery-code``."""

    lane: str
    by: str


@frozen(kw_only=True)
class Unlocked(Event):
    """An administrator started the subject's meters anew."""

    actor: str


@frozen(kw_only=True)
class AttemptRefused(Event):
    """
    Observation: an attempt was refused. *kind* is ``budget``, ``evaluated`` or ``challenge``, where a puzzle was asked for;
    *reason* is for operators alone.

    *subject* is empty for an unknown identifier.
    """

    operation: str
    kind: str
    reason: str


@frozen(kw_only=True)
class PostureChanged(Event):
    """
    Observation: what looks across accounts took strangers of one place more, or less, strictly from here on.

    *detector* says what it saw, *scope* and *name* where: a network, the tenant, or a password, whose name leads back to nothing.
    *before* and *after* are ``normal``, ``notify``, ``challenge`` or ``tighten``; *level* is what the detector counted. Nobody's
    account is named, and no single request.
    """

    detector: str
    scope: str
    name: str
    before: str
    after: str
    level: int
