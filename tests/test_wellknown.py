"""What lies under /.well-known is what the drafts ask for, and leads where the configuration says."""

import json
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec import ConfigError
from acctsec.wellknown import (
    CHANGE_PASSWORD,
    NOTHING,
    PASSKEY_ENDPOINTS,
    RELATED_ORIGINS,
    Document,
    Redirect,
    change_password,
    passkey_endpoints,
    related_origins,
)

PAGE = "https://example.org/settings/password"
GOOD = [
    PAGE,
    "https://example.org",
    "https://example.org/",
    "https://accounts.example.co.uk:8443/p/1?tab=security&x=%2F#change-password",
    "https://xn--exmple-cua.de/~me/a.b/(c)",
    "https://example.org/?a=/../b",
]
BAD = [
    "",
    None,
    b"https://example.org/",
    "/settings/password",
    "http://example.org/settings",
    "http://localhost:8000/settings",
    "//example.org/settings",
    "HTTPS://example.org/settings",
    "https:///settings",
    "https://user@example.org/",
    "https://Example.org/",
    "https://0x7f.1/",
    "https://example.org\\@evil.example/",
    "https://example.org/a\\b",
    "https://example.org/a b",
    "https://example.org/a\r\nSet-Cookie: x=1",
    "https://example.org/a\n",
    "https://example.org/a\t",
    "https://example.org/\N{RIGHT-TO-LEFT OVERRIDE}gro",
    "https://example.org/caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    "https://example.org/a/../b",
    "https://example.org/a/%2E%2E/b",
    "https://example.org/a/.%2E/b",
    "https://example.org/.",
    "https://example.org/%2e%2e/b",
    "https://example.org/%zz",
    "https://example.org/%",
    "https://example.org/?%0",
    'https://example.org/"onload="x',
    "https://example.org/<b>",
    "https://example.org/#a#b",
    "https://example.org?x=1",
    "https://example.org/" + "a" * 2048,
    "javascript:alert(1)",
]


@pytest.mark.parametrize("url", GOOD)
def test_the_page_for_passwords_is_redirected_to(url):
    """302: one of three that the draft names, and the one that nobody keeps."""
    answer = change_password(url)

    assert answer.status == 302
    assert answer.location == (url if url.count("/") > 2 else url + "/")
    assert urlsplit(answer.location).scheme == "https"


@pytest.mark.parametrize("url", BAD)
def test_a_url_that_could_be_two_places_is_refused_with_a_remedy(url):
    for ask in (change_password, lambda url: passkey_endpoints(enroll=url) if url is not None else change_password(url)):
        with pytest.raises(ConfigError) as refused:
            ask(url)
        assert refused.value.remedy


@given(st.text(max_size=30), st.integers(0, 40))
def test_no_url_splits_a_header_or_leaves_its_host(what, at):
    """Whatever is put into a good one."""
    url = PAGE[:at] + what + PAGE[at:]
    try:
        answer = change_password(url)
    except ConfigError:
        return
    assert answer.location.isascii() and answer.location.isprintable() and " " not in answer.location
    assert "@" not in urlsplit(answer.location).netloc and "\\" not in answer.location
    assert answer.location.startswith("https://")


def test_passkey_pages_are_told_by_the_names_of_the_draft():
    told = passkey_endpoints(enroll=PAGE, manage="https://example.org/keys", prf_usage_details="https://example.org/prf")

    assert told.media_type == "application/json"
    assert json.loads(told.body) == {
        "enroll": PAGE,
        "manage": "https://example.org/keys",
        "prfUsageDetails": "https://example.org/prf",
    }


def test_every_member_is_optional_and_none_says_that_passkeys_work():
    assert passkey_endpoints() == Document(media_type="application/json", body=b"{}")
    assert json.loads(passkey_endpoints(manage=PAGE).body) == {"manage": PAGE}


@pytest.mark.parametrize("name", ["enroll", "manage", "prf_usage_details"])
def test_every_member_is_checked(name):
    with pytest.raises(ConfigError):
        passkey_endpoints(**{name: "http://example.org/"})


FIVE = ["https://one.example", "https://two.example", "https://three.example", "https://four.example", "https://five.example"]


@pytest.mark.parametrize(
    "origins",
    [
        FIVE,
        [*FIVE, "https://www.one.example", "https://shop.two.example:8443", "https://three.de"],
        [*FIVE, "https://five.co.uk", "https://www.five.co.uk", "https://five.com.br", "https://a.b.five.org.au"],
    ],
)
def test_five_names_are_listed_in_their_order_however_many_origins_they_have(origins):
    told = related_origins(origins)

    assert told.media_type == "application/json"
    assert json.loads(told.body) == {"origins": origins}


@pytest.mark.parametrize(
    "origins",
    [
        [],
        [*FIVE, "https://six.example"],
        [*FIVE, "https://six.co.uk"],
        [f"https://n{n}.co.uk" for n in range(6)],
        [f"https://h{n}.one.example" for n in range(101)],
        ["https://one.example", "https://one.example"],
        ["https://one.example/"],
        ["http://one.example"],
        ["http://localhost:8000"],
        ["https://*.example"],
        ["one.example"],
        [None],
        ["https://one.example\n"],
        "https://one.example/",
    ],
)
def test_origins_that_browsers_would_pass_over_are_refused_with_a_remedy(origins):
    with pytest.raises(ConfigError) as refused:
        related_origins(origins)
    assert refused.value.remedy


def test_one_origin_may_stand_for_its_list():
    """A string is not taken apart into letters."""
    assert related_origins("https://one.example") == related_origins(["https://one.example"])


def test_the_paths_are_those_that_are_registered():
    assert {CHANGE_PASSWORD, PASSKEY_ENDPOINTS, RELATED_ORIGINS} == {
        "/.well-known/change-password",
        "/.well-known/passkey-endpoints",
        "/.well-known/webauthn",
    }
    assert NOTHING == "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200"
    assert isinstance(change_password(PAGE), Redirect)
