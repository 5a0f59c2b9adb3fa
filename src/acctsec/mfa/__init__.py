"""Second factors: one-time codes, by time or by counter, and recovery codes."""

from acctsec.mfa.otp import Algorithm, OtpForm
from acctsec.mfa.policy import MfaPolicy

__all__ = ["Algorithm", "MfaPolicy", "OtpForm"]
