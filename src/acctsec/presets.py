"""Named policies. Each number has its source in the docstring of the field it sets."""

from datetime import timedelta

from acctsec.hashing import HashingPolicy
from acctsec.policy import Policy

SOCIAL_DEFAULT = Policy(name="social-default-2026.11")
"""The default: SP 800-63B-4 at AAL1 with optional factors, the OWASP cheat sheets, RFC 6238; for consumers of a social platform."""

