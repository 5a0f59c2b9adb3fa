"""The reasons a password can be refused for. Stable: applications translate them."""

from enum import StrEnum


class Code(StrEnum):
    """An objection code. Params never hold the password, a part of it or a word."""

    NOT_TEXT = "not-text"  # not a str, or a str that is not text: lone surrogates
    CONTROL_CHARACTER = "control-character"  # a control character: NUL, tab, line break ...
    TOO_MANY_BYTES = "too-many-bytes"  # {max_bytes}: beyond what is looked at, let alone hashed
    TOO_SHORT = "too-short"  # {minimum, length}, in code points
    TOO_LONG = "too-long"  # {maximum, length}, in code points
    CONTEXT_WORD = "context-word"  # little is left of it without what belongs to the person or the service
    COMMON = "common"  # among the most used passwords
    BANNED_TERM = "banned-term"  # little more than terms that the organisation bans
    MISSING_LETTER = "missing-letter"  # no letter of any script
    MISSING_LOWER = "missing-lower"  # no lower-case letter, nor one of a script without cases
    MISSING_UPPER = "missing-upper"  # no upper-case letter
    MISSING_DIGIT = "missing-digit"  # no digit
    MISSING_OTHER = "missing-other"  # nothing besides letters and digits
    TOO_FEW_CLASSES = "too-few-classes"  # {minimum, found}: of lower and upper case, digits and others
    TOO_WEAK = "too-weak"  # {minimum_guesses}: too few guesses find it
    BREACHED = "breached"  # {count}: seen that often in leaks
    UNCHECKED = "unchecked"  # the breach corpus could not be asked, and the policy refuses then
    POPULAR = "popular"  # as many accounts as the policy allows have it; found by the flow, inside a proven change
    REUSED = "reused"  # the current or an earlier password; found by the flow, which alone may look at old verifiers
