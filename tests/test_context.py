"""The source of a request is explicit, canonical, and unknown where nobody can tell."""

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec import Context, Source
from acctsec.errors import ConfigError


@given(st.ip_addresses(v=6))
def test_every_spelling_of_one_ipv6_line_is_one_source(address):
    if address.ipv4_mapped is None:
        forms = {str(address), address.exploded, address.exploded.upper(), f"[{address}]", f"{address}%eth0"}
        forms.add(str(type(address)(int(address) ^ 0xFFFF)))
        assert len({Source.of(form) for form in forms}) == 1


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_the_ipv4_address(address):
    assert Source.of(f"::ffff:{address}") == Source.of(str(address)) == Source(str(address))


@pytest.mark.parametrize("rubbish", [None, "", 7, b"1.2.3.4", "localhost", "1.2.3", "1.2.3.4:80", "x" * 10**6, []])
def test_an_unusable_address_shares_the_unknown_bucket(rubbish):
    assert Source.of(rubbish) == Source.unknown()


@given(st.lists(st.text(alphabet="0123456789.,: abc", max_size=20), max_size=5))
def test_what_a_client_writes_to_the_left_never_matters(spoofed):
    header = ", ".join([*spoofed, "203.0.113.9", "10.0.0.2"])
    found = Source.forwarded(peer="10.0.0.1", header=header, trusted_proxies=2)
    assert found == Source("203.0.113.9")


def test_without_configuration_headers_are_ignored():
    assert Source.forwarded(peer="203.0.113.9", header="1.1.1.1", trusted_proxies=0) == Source("203.0.113.9")


def test_a_request_that_came_around_the_proxies_is_unknown():
    for header in (None, "", "1.2.3.4", "x" * 10_000):
        assert Source.forwarded(peer="10.0.0.1", header=header, trusted_proxies=2) == Source.unknown()


@pytest.mark.parametrize("count", [-1, True, "1", 1.0, None])
def test_the_number_of_proxies_is_a_number(count):
    with pytest.raises(ConfigError, match="reverse proxies"):
        Source.forwarded(peer="10.0.0.1", header="", trusted_proxies=count)


def test_a_context_shows_no_device_token_and_cuts_the_user_agent():
    context = Context.of("203.0.113.9", device="secret-token", user_agent="x" * 5000)
    assert "secret-token" not in repr(context)
    assert len(context.user_agent) == 256


@pytest.mark.parametrize("tenant", ["x" * 65, "é" * 33, None, 7, b"t"])
def test_a_tenant_is_a_short_name(tenant):
    with pytest.raises(ConfigError, match="tenant"):
        Context.of("203.0.113.9", tenant=tenant)


def test_a_context_knows_when_a_sim_changed():
    at = datetime(2026, 1, 5, 9, 0, tzinfo=timezone(timedelta(hours=9)))
    assert Context.of("203.0.113.9", sim_changed=at).sim_changed == at
    assert Context.of("203.0.113.9").sim_changed is None


@pytest.mark.parametrize("at", [datetime(2026, 1, 5), date(2026, 1, 5), "2026-01-05T00:00:00Z", 1767571200, True])
def test_when_a_sim_changed_is_an_instant_that_everybody_reads_alike(at):
    with pytest.raises(ConfigError, match="sim_changed"):
        Context.of("203.0.113.9", sim_changed=at)
