"""
Hashing: Argon2id with a floor and a ceiling, and the governor that bounds its memory and queue.

The governor starts threads and is imported by name, from ``acctsec.hashing.governor``.
"""

from acctsec.hashing.parameters import OWASP, Argon2Parameters
from acctsec.hashing.policy import Comparison, HashingPolicy

__all__ = ["OWASP", "Argon2Parameters", "Comparison", "HashingPolicy"]
