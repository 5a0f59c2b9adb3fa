"""Second factors: which there are, what each proves, and what an action needs."""

from acctsec.mfa.actions import Action, Demand, Rule
from acctsec.mfa.delivered import DeliveredPolicy
from acctsec.mfa.needs import (
    DEVICE_BOUND,
    PHISHING_RESISTANT,
    SECOND_FACTOR,
    USER_VERIFIED,
    Needs,
    all_of,
    any_of,
)
from acctsec.mfa.otp import Algorithm, OtpForm
from acctsec.mfa.policy import MfaPolicy, Outside
from acctsec.mfa.push import PushPolicy

__all__ = [
    "DEVICE_BOUND",
    "PHISHING_RESISTANT",
    "SECOND_FACTOR",
    "USER_VERIFIED",
    "Action",
    "Algorithm",
    "DeliveredPolicy",
    "Demand",
    "MfaPolicy",
    "Needs",
    "OtpForm",
    "Outside",
    "PushPolicy",
    "Rule",
    "all_of",
    "any_of",
]
