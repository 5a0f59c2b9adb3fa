"""A passkey policy that cannot be right is refused when it is made, with the way out."""

from datetime import timedelta

import pytest
from tests.mfa.stage import APP, ORIGIN, attested, policy, soft

from acctsec import ConfigError, MfaPolicy, Policy
from acctsec.knobs import documented, knobs
from acctsec.mfa.passkeys import Attestation, AttestationRoot, Hint, PasskeyPolicy, UserVerification
from acctsec.testing.doubles import SeededEntropy

PEM = b"-----BEGIN CERTIFICATE-----\n"


def test_the_least_is_a_name_and_where_it_lives():
    """All else has a default with a source."""
    least = PasskeyPolicy(rp_id="example.com", rp_name="Otterly", origins=(ORIGIN,))

    assert least.user_verification is UserVerification.PREFERRED and least.algorithms == (-8, -7, -257)
    assert least.timeout == timedelta(minutes=5) and least.attestation is Attestation.NONE


@pytest.mark.parametrize("kind", [PasskeyPolicy, AttestationRoot])
def test_every_field_says_its_default_and_the_source(kind):
    """A number without a source is somebody's taste."""
    texts = documented(kind)

    assert set(texts) == {one.name for one in kind.__attrs_attrs__}
    assert all("Default" in text or "default" in text for text in texts.values())


def test_its_knobs_are_those_of_the_second_factors():
    """Shown in words, each explained; a certificate is not."""
    key = soft()
    found = {one.name: one for one in knobs(Policy(mfa=MfaPolicy(passkeys=attested(key)))) if one.name.startswith("mfa.passkeys")}

    assert found["mfa.passkeys.origins"].value == f"{ORIGIN} · {APP}"
    assert found["mfa.passkeys.timeout"].value == "5 min"
    assert all(one.meaning and one.source for one in found.values())
    assert "BEGIN" not in " ".join(one.value for one in found.values())


def test_another_root_is_another_policy():
    """By its digest as well: whom a service trusts is no secret."""
    digests = {Policy(mfa=MfaPolicy(passkeys=attested(soft(entropy=SeededEntropy(n))))).digest for n in (1, 2)}

    assert len(digests) == 2


@pytest.mark.parametrize("rp_id", ["example.com", "login.example.co.uk", "xn--bcher-kva.example", "a.b", "localhost"])
def test_a_domain_is_taken(rp_id):
    scheme = "http" if rp_id == "localhost" else "https"

    assert policy(rp_id=rp_id, origins=(f"{scheme}://{rp_id}", APP)).rp_id == rp_id


@pytest.mark.parametrize(
    "rp_id",
    [
        *("", "com", "https://example.com", "example.com:443", "example.com/", "Example.com", "example.com.", ".example.com"),
        *("192.0.2.7", "10.0.0.1", "::1", "[::1]", "0x7f.1", "1.2", "bücher.example", "-a.example", "a_b.example", "a..b"),
        *("x" * 64 + ".example", "a." * 127 + "com", "example.com\n", "*.example.com", None, 7, b"example.com"),
    ],
)
def test_what_is_no_domain_is_refused(rp_id):
    with pytest.raises(ConfigError, match="rp_id"):
        policy(rp_id=rp_id)


@pytest.mark.parametrize(
    "origin",
    ["https://example.com", "https://www.example.com", "https://a.b.example.com:8443", APP],
)
def test_an_origin_that_a_browser_sends_is_taken(origin):
    assert policy(origins=[origin]).origins == (origin,)


@pytest.mark.parametrize(
    ("origin", "remedy"),
    [
        ("http://example.com", "https"),
        ("http://www.example.com:8080", "https"),
        ("https://example.org", "rp_id"),
        ("https://notexample.com", "rp_id"),
        ("https://example.com.evil.test", "rp_id"),
        ("https://example.com/", "nothing behind it"),
        ("https://example.com:443", "the usual one"),
        ("https://example.com:080", "a port"),
        ("https://EXAMPLE.com", "host"),
        ("https://user@example.com", "host"),
        ("https://example.com\n", "host"),
        ("example.com", "host"),
        ("*", "host"),
        ("null", "host"),
        ("", "host"),
        ("android:apk-key-hash:short", "43 characters"),
        ("ios:bundle-id:com.example", "host"),
        (7, "https"),
    ],
)
def test_an_origin_that_no_browser_sends_or_takes_is_refused(origin, remedy):
    with pytest.raises(ConfigError, match=remedy):
        policy(origins=(ORIGIN, origin))


def test_localhost_needs_no_https():
    """For developers; a host that only ends alike is none."""
    made = policy(rp_id="localhost", origins=("http://localhost:8000", "http://app.localhost"))

    assert len(made.origins) == 2
    with pytest.raises(ConfigError):
        policy(rp_id="localhost", origins=("http://notlocalhost",))


@pytest.mark.parametrize("origins", [(), ORIGIN, (ORIGIN, ORIGIN), tuple(f"https://h{n}.example.com" for n in range(33))])
def test_origins_are_some_each_once(origins):
    with pytest.raises(ConfigError, match="origin"):
        policy(origins=origins)


@pytest.mark.parametrize(
    "changes",
    [
        {"attestation": Attestation.VERIFY},
        {"allowed_aaguids": {soft().model}},
        {"roots": (AttestationRoot(format="packed", pem=PEM),)},
        {"roots": (PEM,), "attestation": Attestation.VERIFY},
        {"algorithms": ()},
        {"algorithms": (-7, -7)},
        {"algorithms": (-7, -65535)},
        {"algorithms": ("ES256",)},
        {"hints": ("hybrid",)},
        {"hints": (Hint.HYBRID, Hint.HYBRID)},
        {"timeout": timedelta(minutes=4)},
        {"timeout": timedelta(minutes=11)},
        {"timeout": 300_000},
        {"user_verification": "required"},
        {"on_counter_regression": "refuse"},
        {"attestation": "verify"},
        {"synced": 1},
        {"rp_name": ""},
        {"rp_name": "two\nlines"},
    ],
)
def test_what_contradicts_itself_is_refused_with_a_remedy(changes):
    with pytest.raises(ConfigError) as refused:
        policy(**changes)

    assert refused.value.remedy


@pytest.mark.parametrize(
    "model", ["", "yubikey", "0" * 32, "00000000-0000-0000-0000-000000000000", "{ac575ec0-0000-4000-8000-000000000001}", 7]
)
def test_a_model_is_an_aaguid(model):
    """All zeros name none: authenticators that hide their model say so."""
    with pytest.raises(ConfigError):
        attested(soft(), allowed_aaguids={model})


def test_a_model_may_be_written_in_capitals():
    """As vendors do."""
    assert attested(soft(), allowed_aaguids={soft().model.upper()}).allowed_aaguids == {soft().model}


@pytest.mark.parametrize(
    ("form", "pem"), [("android-safetynet", PEM), ("none", PEM), ("packed", b"DER"), ("packed", "text"), ("packed", b"")]
)
def test_a_root_is_a_certificate_of_a_format_that_has_some(form, pem):
    with pytest.raises(ConfigError):
        AttestationRoot(format=form, pem=pem)
