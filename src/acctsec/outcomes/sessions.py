"""Sessions and known devices: valid, ended, listed, forgotten."""

from datetime import datetime
from enum import StrEnum

from attrs import field, frozen

from acctsec.outcomes.shared import AssuranceLevel


class EndReason(StrEnum):
    """Why a session token no longer stands for a session."""

    UNKNOWN = "unknown"
    IDLE = "idle"
    EXPIRED = "expired"
    ENDED = "ended"
    DISABLED = "disabled"
    COPIED = "copied"  # its generation is over, so somebody has a copy of a token: the session is over for both
    KEY = "key"  # it is bound to a key that the request was not signed with
    DISPLACED = "displaced"  # of events alone: another sign-in took its place


@frozen
class SessionInfo:
    """
    What may be shown of a session. *name* is what its browser called itself when it signed in, "" where that says nothing;
    *current* whether it is the one that asked.
    """

    id: str
    subject: str
    tenant: str
    level: AssuranceLevel
    created: datetime
    authenticated: datetime
    expires: datetime
    methods: tuple[str, ...] = field(default=(), kw_only=True)
    name: str = field(default="", kw_only=True)
    current: bool = field(default=True, kw_only=True)


@frozen
class SessionValid:
    """The session stands. Replace the cookie when *renewed* is a token."""

    session: SessionInfo
    renewed: str | None = field(repr=False)


@frozen
class SessionEnded:
    """The token does not stand for a session."""

    reason: EndReason


@frozen
class SessionList:
    """
    The sessions of a subject, the newest sign-in first. Each *expires* at the latest then: when another one was used last is
    known to its own token alone.
    """

    sessions: tuple[SessionInfo, ...]


@frozen
class SessionsEnded:
    """The sessions are dead; *count* says how many there were."""

    count: int


@frozen
class DeviceInfo:
    """
    What may be shown of a known device: *seen* is when somebody signed in fully there or proved a change of password, *current*
    whether the request came with its token. Until *remembered* it is let in without a second factor, where the policy lets it.
    """

    id: str
    seen: datetime
    current: bool
    remembered: datetime | None = None


@frozen
class Devices:
    """The known devices of a subject, the one seen last first."""

    devices: tuple[DeviceInfo, ...]


@frozen
class DeviceForgotten:
    """The device is a stranger from now on, on every node. Its session, if it has one, goes on: see ``sign_out_everywhere``."""
