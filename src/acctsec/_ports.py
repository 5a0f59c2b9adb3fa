"""The default clock, entropy and pause: the only place where this library touches the outside world by itself."""

import os
import time
from datetime import UTC, datetime


def clock() -> datetime:
    """The system clock, aware and in UTC."""
    return datetime.now(UTC)


def entropy(size: int) -> bytes:
    """Bytes from the operating system's cryptographic source."""
    return os.urandom(size)


def pause(seconds: float) -> None:
    """Let other threads run for a while."""
    time.sleep(seconds)
