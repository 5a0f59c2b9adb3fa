"""Forms, secrets and instants of one-time passwords, and codes by somebody else's arithmetic."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from hypothesis import strategies as st

from acctsec.mfa import Algorithm, OtpForm

SECRETS = st.binary(min_size=16, max_size=128)
FORMS = st.builds(
    OtpForm,
    algorithm=st.sampled_from(Algorithm),
    digits=st.integers(6, 8),
    period=st.integers(15, 60).map(lambda seconds: timedelta(seconds=seconds)),
)
INSTANTS = st.integers(0, 2**36).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
"""Until the year 4147, far past the 32 bits that end in 2038."""

HASHES = {Algorithm.SHA1: hashes.SHA1, Algorithm.SHA256: hashes.SHA256, Algorithm.SHA512: hashes.SHA512}

VARIANTS = (
    lambda code: "".join(chr(ord(char) - 0x30 + 0xFF10) for char in code),  # full width
    lambda code: "".join(chr(ord(char) - 0x30 + 0x1D7CE) for char in code),  # mathematical bold
    lambda code: "".join(chr(ord(char) - 0x30 + 0x0660) for char in code),  # Arabic-Indic
    lambda code: code.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")),
    lambda code: code + "\n",
    lambda code: " " + code,
    lambda code: code[:3] + " " + code[3:],
    lambda code: code[:3] + "_" + code[3:],
    lambda code: "+" + code,
    lambda code: "-" + code[1:],
    lambda code: "0" + code,
    lambda code: code.lstrip("0") if code.startswith("0") else code[:-1],
    lambda code: code + "\u200b",
    lambda code: code + "\0",
    int,
    lambda code: code.encode(),
    type("Text", (str,), {}),
)


def theirs(secret, count, form):
    """The code by pyca/cryptography, which shares nothing with ours."""
    return HOTP(secret, form.digits, HASHES[form.algorithm]()).generate(count).decode()


def hostile(*values):
    """Values that no form takes; some of them cannot even be written down."""
    return [pytest.param(value, id=f"{type(value).__name__}-{number}") for number, value in enumerate(values)]
