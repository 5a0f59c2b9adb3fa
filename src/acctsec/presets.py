"""Named policies. Each number has its source in the docstring of the field it sets."""

from datetime import timedelta

from acctsec.hashing import Argon2Parameters, HashingPolicy
from acctsec.policy import Policy

SOCIAL_DEFAULT = Policy(name="social-default-2026.11")
"""The default, for consumers: SP 800-63B-4 at AAL1 with optional factors, the OWASP cheat sheets, RFC 6238."""

CHEAPEST = Policy(
    name="cheapest",
    hashing=HashingPolicy(
        memory_kib=8,
        time_cost=1,
        floor=Argon2Parameters(memory_kib=8, time_cost=1, parallelism=1),
        queue=1000,
        patience=timedelta(seconds=10),
    ),
)
"""For tests only: hashes that anybody can reverse. Everything else is SOCIAL_DEFAULT."""
