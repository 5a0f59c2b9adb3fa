"""What networks a source belongs to, and whose they are."""

import ipaddress

import maxminddb
import mmdb_writer
import netaddr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acctsec import ConfigError
from acctsec.attacks.maxmind import MaxMind
from acctsec.attacks.networks import Networks, Origin, networks
from acctsec.context import Source
from acctsec.errors import PortError


@given(address=st.ip_addresses(v=4))
def test_an_ipv4_source_is_an_address_in_a_24(address):
    found = networks(Source.of(str(address)))
    assert found.address == str(address) and len(found.prefixes) == 1
    assert address in ipaddress.ip_network(found.prefixes[0]) and found.prefixes[0].endswith("/24")


@given(address=st.ip_addresses(v=6).filter(lambda a: a.ipv4_mapped is None))
def test_an_ipv6_source_is_a_64_in_a_56_in_a_48(address):
    """I14: 2 ** 64 addresses are one source, and 2 ** 16 of these one prefix."""
    found = networks(Source.of(str(address)))
    blocks = [ipaddress.ip_network(name) for name in (found.address, *found.prefixes)]
    assert [block.prefixlen for block in blocks] == [64, 56, 48] and all(address in block for block in blocks)


@given(address=st.ip_addresses(v=4))
def test_a_mapped_address_is_the_ipv4_one(address):
    assert networks(Source.of(f"::ffff:{address}")) == networks(Source.of(str(address)))


@pytest.mark.parametrize("address", ["", "nonsense", None, "300.1.1.1"])
def test_who_has_no_address_is_in_no_prefix_and_nobody_is_asked(address):
    assert networks(Source.of(address), Told(None)) == Networks("unknown")


class Told:
    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def origin(self, address):
        self.asked.append(address)
        return self.answer


def test_a_resolver_is_asked_by_an_address():
    """Never by a network: no database knows one."""
    told = Told(Origin(asn=64500, country="SE"))
    found = networks(Source.of("2001:db8:1:2:3::4"), told)
    assert (found.asn, found.country, told.asked) == (64500, "SE", ["2001:db8:1:2::"])
    assert networks(Source.of("192.0.2.1"), Told(Origin())).asn is None


@pytest.mark.parametrize("answer", [None, 64500, (64500, "SE"), {"asn": 1}])
def test_an_answer_of_another_kind_is_the_ports_fault(answer):
    with pytest.raises(PortError):
        networks(Source.of("192.0.2.1"), Told(answer))


@pytest.mark.parametrize(
    "wrong", [{"asn": -1}, {"asn": 2**32}, {"asn": "1"}, {"country": "se"}, {"country": "SWE"}, {"country": None}]
)
def test_an_origin_that_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigError):
        Origin(**wrong)


class Rows(dict):
    def get(self, ip_address):
        if ":" in ip_address:
            raise ValueError("an IPv6 address in an IPv4 database")
        return super().get(ip_address)


def test_rows_of_a_database_are_read():
    """The number from one, the country from the other, and that of registration where there is no other."""
    asn = Rows({"192.0.2.1": {"autonomous_system_number": 64500}})
    country = Rows({"192.0.2.1": {"country": {"iso_code": "SE"}}, "192.0.2.2": {"registered_country": {"iso_code": "NO"}}})
    both = MaxMind(asn=asn, country=country)
    assert both.origin("192.0.2.1") == Origin(asn=64500, country="SE")
    assert both.origin("192.0.2.2") == Origin(country="NO")
    assert both.origin("2001:db8::") == both.origin("192.0.2.9") == Origin()
    assert MaxMind(asn=asn).origin("192.0.2.1") == Origin(asn=64500)


JUNK = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["country", "iso_code", "autonomous_system_number", "registered_country"]), inner, max_size=3), max_leaves=6)  # fmt: skip


@given(row=JUNK)
def test_a_row_of_any_kind_tells_something_or_nothing(row):
    """A damaged database never raises on the way of a sign-in."""
    assert isinstance(MaxMind(asn=Rows({"192.0.2.1": row}), country=Rows({"192.0.2.1": row})).origin("192.0.2.1"), Origin)


def test_a_resolver_without_a_database_is_refused():
    with pytest.raises(ConfigError):
        MaxMind()


def test_a_true_database_is_read(tmp_path):
    """Written by one package and read by MaxMind's own."""
    for name, row in (("asn", {"autonomous_system_number": 64500}), ("country", {"country": {"iso_code": "SE"}})):
        made = mmdb_writer.MMDBWriter(6, f"Test-{name}", ipv4_compatible=True)
        made.insert_network(netaddr.IPSet(["192.0.2.0/24", "2001:db8::/32"]), row)
        made.to_db_file(str(tmp_path / name))
    with maxminddb.open_database(tmp_path / "asn") as asn, maxminddb.open_database(tmp_path / "country") as country:
        resolver = MaxMind(asn=asn, country=country)
        for address in ("192.0.2.7", "2001:db8:1::7"):
            found = networks(Source.of(address), resolver)
            assert (found.asn, found.country) == (64500, "SE")
        assert networks(Source.of("198.51.100.1"), resolver).asn is None
