"""The authenticator of the kit behaves as those in people's pockets, the same in every run."""

import pytest
from tests.mfa.stage import CREATION, answered, created, policy, registered, soft

from acctsec import ConfigError
from acctsec.mfa.passkeys import creation_options
from acctsec.testing._soft_keys import _rsa
from acctsec.testing.authenticator import Excluded, NoPasskey, SoftAuthenticator
from acctsec.testing.doubles import SeededEntropy


@pytest.mark.parametrize("algorithm", [-8, -7, -257])
@pytest.mark.parametrize("attestation", ["none", "self", "packed"])
def test_two_of_one_seed_make_the_same(algorithm, attestation):
    """Ids, keys, certificates and signatures."""
    first, second = (SoftAuthenticator(algorithm=algorithm, attestation=attestation, entropy=SeededEntropy(3)) for _ in range(2))

    assert created(first) == created(second)
    assert answered(first) == answered(second)
    assert first.root == second.root
    assert created(first) != created(SoftAuthenticator(algorithm=algorithm, entropy=SeededEntropy(4)))


def test_an_excluded_passkey_is_not_made_twice():
    key = soft()
    passkey = registered(key)
    options = creation_options(
        policy(), challenge=CREATION, subject="u-1", account="ada", display="Ada", exclude=[(passkey.credential, ())]
    )

    with pytest.raises(Excluded):
        key.create(options, origin="https://www.example.com")


def test_only_a_passkey_that_remembers_works_without_a_name():
    """And no passkey works for another service."""
    key = soft(remembers=False)
    passkey = registered(key)

    with pytest.raises(NoPasskey):
        answered(key)
    assert "userHandle" not in answered(key, allow=[(passkey.credential, ())])["response"]
    with pytest.raises(NoPasskey):
        answered(key, policy(rp_id="example.org", origins=("https://example.org",)), allow=[(passkey.credential, ())])


def test_the_first_algorithm_that_is_asked_for_is_made():
    assert created(SoftAuthenticator())["response"]["publicKeyAlgorithm"] == -8
    assert created(SoftAuthenticator(), policy(algorithms=(-7, -8)))["response"]["publicKeyAlgorithm"] == -7


def test_an_algorithm_that_it_does_not_know_is_refused():
    with pytest.raises(ConfigError):
        created(soft(algorithm=-65535))


def test_its_primes_are_primes():
    """By OpenSSL's own test, when it loads the key again."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

    key = _rsa(b"\x07" * 32)
    der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert key.key_size == 2048 and load_der_private_key(der, None).key_size == 2048


def test_no_key_shows_in_its_repr():
    key = soft()
    created(key)

    assert "key" not in repr(key) and "b'" not in repr(key)
