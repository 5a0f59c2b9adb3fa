"""Exceptions: for misuse and a broken world, never for "no"."""


class AcctsecError(Exception):
    """
    The root of every exception this library raises on purpose.

    *remedy* says in one sentence how to mend it. Neither it nor the message ever holds a secret, a token or a hash.
    """

    remedy: str

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.remedy = remedy


class ConfigError(AcctsecError, ValueError):
    """The caller wired or configured something that cannot be right; nothing was done."""


class StoreError(AcctsecError):
    """A store could not do what was asked: unreachable, full, read-only or damaged."""


class StoreUnavailable(StoreError):  # noqa: N818 - it names a state, not a mistake
    """A store did not answer in time, or could not be reached: what was asked may have been done or not."""


class StoreBusy(StoreUnavailable):
    """This process has no room to ask a store, or others were in the way for too long; the store itself is there."""


class CommitUnknown(StoreError):  # noqa: N818 - it names a state, not a mistake
    """A commit was sent and its answer was lost: it may have happened or not."""


class RecordError(StoreError):
    """A stored record cannot be read: damaged, sealed under a key that is gone, or of a newer schema."""


class PortError(AcctsecError):
    """A port of the platform (directory, messenger, clock ...) failed or answered with the wrong type."""


class Overloaded(AcctsecError):  # noqa: N818 - it names a state, not a mistake
    """The hashing governor has no room; raised before any memory was taken."""

    retry_after: float

    def __init__(self, retry_after: float) -> None:
        super().__init__("All hashing permits and queue places are taken.", remedy="Try again later or raise the permits.")
        self.retry_after = retry_after
