"""What makes a password, or a part of it, easy to guess."""

from enum import StrEnum


class Weakness(StrEnum):
    """A kind of weakness: enough to say what to change, and nothing of what was typed."""

    DICTIONARY_WORD = "dictionary_word"
    COMMON_PASSWORD = "common_password"  # noqa: S105 - a kind, no secret
    NAME_OR_CONTEXT = "name_or_context"
    REVERSED = "reversed"
    SUBSTITUTION = "substitution"
    KEYBOARD = "keyboard"
    SEQUENCE = "sequence"
    REPEAT = "repeat"
    DATE = "date"
    YEAR = "year"
    PHONE_NUMBER = "phone_number"
    DIGIT_PUN = "digit_pun"
    PINYIN = "pinyin"
    PREDICTABLE = "predictable"
