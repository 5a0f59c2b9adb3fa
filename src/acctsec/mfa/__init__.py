"""Second factors: time-based codes and recovery codes."""

from acctsec.mfa.policy import MfaPolicy

__all__ = ["MfaPolicy"]
