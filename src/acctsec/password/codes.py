"""The reasons a password can be refused for. Stable: applications translate them."""

from enum import StrEnum


class Code(StrEnum):
    """An objection code. Params never hold the password, a part of it or a word."""

    NOT_TEXT = "not-text"  # not a str, or a str that is not text: lone surrogates
    CONTROL_CHARACTER = "control-character"  # a control character: NUL, tab, line break ...
    TOO_MANY_BYTES = "too-many-bytes"  # {max_bytes}: beyond what is looked at, let alone hashed
    TOO_SHORT = "too-short"  # {minimum, length}, in code points
    TOO_LONG = "too-long"  # {maximum, length}, in code points
    CONTEXT_WORD = "context-word"  # little is left of it without a name, an address or a word of the service
    COMMON = "common"  # among the most used passwords
    TOO_WEAK = "too-weak"  # {minimum_guesses}: too few guesses find it
    BREACHED = "breached"  # {count}: seen that often in leaks
    UNCHECKED = "unchecked"  # the breach corpus could not be asked, and the policy refuses then
    POPULAR = "popular"  # as many accounts as the policy allows have it; found by the flow, inside a proven change
    REUSED = "reused"  # the current or an earlier password; found by the flow, which alone may look at old verifiers
