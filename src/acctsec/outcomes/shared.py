"""What any operation may answer, and how a secret is kept out of every repr."""

from datetime import timedelta
from enum import IntEnum

from attrs import field, frozen


def secret() -> str:
    """A field that holds a token or a code: present in the value, absent from its repr."""
    return field(repr=False)  # type: ignore[no-any-return]


class AssuranceLevel(IntEnum):
    """How well a sign-in was proven, after SP 800-63B-4 section 2."""

    AAL1 = 1
    AAL2 = 2
    AAL3 = 3


@frozen
class Refused:
    """
    No. The answer is the same whatever the reason, so that it tells an outsider nothing.

    *retry_after* is given only when the caller's own source or device has to wait.
    """

    retry_after: timedelta | None = None


@frozen
class TryAgain:
    """Nothing was decided, compared or counted; the same call may be made after *retry_after*."""

    retry_after: timedelta
