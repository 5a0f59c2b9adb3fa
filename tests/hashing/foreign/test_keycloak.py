"""Keycloak's two columns become one string, or are refused without being shown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec.errors import ConfigError
from acctsec.hashing.foreign import Keycloak, KeycloakArgon2

CREDENTIAL = '{"hashIterations":27500,"algorithm":"pbkdf2-sha256","additionalParameters":{}}'
# Keycloak's UserTest (Apache-2.0), updateUserWithHashedCredentials.
SECRET = '{"value":"uskEPZWMr83pl2mzNB95SFXfIabe2UH9ClENVx/rrQqOjFEjL2aAOGpWsFNNF3qoll7Qht2mY5KxIDm3Rnve2w==","salt":"u1VXYxqVfWOzHpF2bGSLyA==","additionalParameters":{}}'

ARGON2 = '{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}'
# A row of Keycloak's table, from the tests of City of Espoo's eVaka.
ARGON2_SECRET = (
    '{"value":"O7vS90g14jWr4ESbUpJ3KX5y1NMZcMgjuqPHrZ4Eq8U=","salt":"LgSKeCa5qZH6Dh0PE17AwQ==","additionalParameters":{}}'
)


def test_an_export_is_joined_and_verifies():
    stored = Keycloak.join(credential_data=CREDENTIAL, secret_data=SECRET)

    assert Keycloak().verify(stored, "admin") and not Keycloak().verify(stored, "Admin")


def test_an_export_of_argon2_is_joined_and_verifies():
    stored = Keycloak.join(credential_data=ARGON2, secret_data=ARGON2_SECRET)

    assert KeycloakArgon2().verify(stored, "testpassword") and not KeycloakArgon2().verify(stored, "Testpassword")
    assert not Keycloak().reads(stored)


def test_the_older_version_of_argon2_is_named_as_such():
    stored = Keycloak.join(credential_data=ARGON2.replace("1.3", "1.0").replace('"id"', '"i"'), secret_data=ARGON2_SECRET)

    assert stored.startswith("$keycloak$argon2i$v=16$m=7168,t=5,p=1$") and KeycloakArgon2().reads(stored)


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
        (ARGON2.replace("1.3", "1.4"), SECRET),
        (ARGON2.replace('["1.3"]', "[[]]"), SECRET),
        (ARGON2.replace('["id"]', '["id","i"]'), SECRET),
        (ARGON2.replace('"id"', '"x"'), SECRET),
        (ARGON2.replace('["7168"]', "7168"), SECRET),
        (ARGON2.replace("7168", "-1"), SECRET),
        (ARGON2.replace("7168", "1$1"), SECRET),
        (ARGON2.replace('"parallelism":["1"]', '"parallelism":[]'), SECRET),
        (ARGON2.replace(',"parallelism":["1"]', ""), SECRET),
    ],
    ids=[str(number) for number in range(23)],
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
