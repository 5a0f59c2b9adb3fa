"""Keycloak's two columns become one string, or are refused without being shown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.errors import ConfigError
from acctsec.hashing.foreign import Keycloak

CREDENTIAL = '{"hashIterations":27500,"algorithm":"pbkdf2-sha256","additionalParameters":{}}'
# Keycloak's UserTest (Apache-2.0), updateUserWithHashedCredentials.
SECRET = '{"value":"uskEPZWMr83pl2mzNB95SFXfIabe2UH9ClENVx/rrQqOjFEjL2aAOGpWsFNNF3qoll7Qht2mY5KxIDm3Rnve2w==","salt":"u1VXYxqVfWOzHpF2bGSLyA==","additionalParameters":{}}'


def test_an_export_is_joined_and_verifies():
    stored = Keycloak.join(credential_data=CREDENTIAL, secret_data=SECRET)

    assert Keycloak().verify(stored, "admin") and not Keycloak().verify(stored, "Admin")


@pytest.mark.parametrize(
    ("credential", "secret"),
    [
        ("", SECRET),
        ("[]", SECRET),
        ("[" * 4_000, SECRET),
        ("null", SECRET),
        (" " * 4_097 + CREDENTIAL, SECRET),
        (CREDENTIAL.replace("pbkdf2-sha256", "argon2"), SECRET),
        (CREDENTIAL.replace('"pbkdf2-sha256"', "[]"), SECRET),
        (CREDENTIAL.replace("27500", "true"), SECRET),
        (CREDENTIAL.replace("27500", "27500.0"), SECRET),
        (CREDENTIAL.replace("27500", "0"), SECRET),
        (CREDENTIAL.replace("27500", "9" * 4_000), SECRET),
        (CREDENTIAL, "{"),
        (CREDENTIAL, "{}"),
        (CREDENTIAL, SECRET.replace('"u1VXYxqVfWOzHpF2bGSLyA=="', "7")),
    ],
    ids=[str(number) for number in range(14)],
)
def test_what_is_not_keycloaks_is_refused_without_being_shown(credential, secret):
    with pytest.raises(ConfigError) as refused:
        Keycloak.join(credential_data=credential, secret_data=secret)

    assert "uskEP" not in str(refused.value) and "u1VX" not in str(refused.value)


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_salt_or_value_smuggles_in_another_field(salt, value):
    secret = json.dumps({"value": value, "salt": salt})
    stored = Keycloak.join(credential_data=CREDENTIAL, secret_data=secret)

    assert not Keycloak().reads(stored) or ("$" not in salt + value and stored.split("$")[3:] == ["27500", salt, value])
