"""Clock and entropy: where the instant and the chance of an operation come from."""

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
"""Tells the present instant, aware and in UTC. It is read once an operation."""

Entropy = Callable[[int], bytes]
"""Draws that many bytes from a cryptographic source."""
