"""Passwords: the rules they are held to, and how strong they are. Pure: facts come in, objections go out."""

from acctsec.password.banned import BannedTerms
from acctsec.password.classes import CharacterClass, Classes
from acctsec.password.codes import Code
from acctsec.password.described import Said, announce, describe
from acctsec.password.feedback import Advice, catalogue, feedback, message
from acctsec.password.hints import FormField, HintSpec, generate_password, hints
from acctsec.password.policy import Age, AtSignIn, Outage, PasswordPolicy
from acctsec.password.preparation import PREPARATION, prepare
from acctsec.password.rules import Blocklist, Breached, ContextWords, Facts, Length, MinimumStrength, Rule
from acctsec.password.strength import StrengthEstimator, estimate
from acctsec.password.weakness import Weakness, explain
from acctsec.password.words import personal_words
from acctsec.password.zipf import likelihood

__all__ = [
    "PREPARATION",
    "Advice",
    "Age",
    "AtSignIn",
    "BannedTerms",
    "Blocklist",
    "Breached",
    "CharacterClass",
    "Classes",
    "Code",
    "ContextWords",
    "Facts",
    "FormField",
    "HintSpec",
    "Length",
    "MinimumStrength",
    "Outage",
    "PasswordPolicy",
    "Rule",
    "Said",
    "StrengthEstimator",
    "Weakness",
    "announce",
    "catalogue",
    "describe",
    "estimate",
    "explain",
    "feedback",
    "generate_password",
    "hints",
    "likelihood",
    "message",
    "personal_words",
    "prepare",
]
