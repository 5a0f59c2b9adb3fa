"""Second factors: time-based codes, codes that are sent, and recovery codes."""

from acctsec.mfa.delivered import DeliveredPolicy
from acctsec.mfa.policy import MfaPolicy

__all__ = ["DeliveredPolicy", "MfaPolicy"]
