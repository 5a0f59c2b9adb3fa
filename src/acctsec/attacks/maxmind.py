"""Whose an address is, by databases in MaxMind's format."""

from typing import Protocol

from acctsec.attacks.networks import Origin
from acctsec.errors import ConfigError


class Reader(Protocol):
    """What ``maxminddb.open_database`` and ``geoip2`` 's own reader of files give."""

    def get(self, ip_address: str) -> object:
        """The row of an address, or None."""


class MaxMind:
    """
    Reads the system number and the country of an address from open databases, as an ``OriginResolver``.

    Args:
        asn: one with ``autonomous_system_number``, such as GeoLite2-ASN.
        country: one with ``country.iso_code``, such as GeoLite2-Country or -City; where an address has no country, that which
            its block is registered in counts.

    Open them with ``maxminddb.open_database``; who opens them closes them. A row that is damaged or of another kind tells
    nothing. Raises ConfigError when neither is given.
    """

    def __init__(self, *, asn: Reader | None = None, country: Reader | None = None) -> None:
        if asn is None and country is None:
            raise ConfigError("There is no database.", remedy="Open one with maxminddb.open_database and pass it in.")
        self._asn, self._country = asn, country

    def origin(self, address: str) -> Origin:
        """The origin of an address, as far as the databases have it."""
        number = _row(self._asn, address).get("autonomous_system_number")
        row = _row(self._country, address)
        code = _code(row.get("country")) or _code(row.get("registered_country"))
        return Origin(asn=number if type(number) is int and 0 <= number < 2**32 else None, country=code)


def _row(reader: Reader | None, address: str) -> dict[object, object]:
    if reader is None:
        return {}
    try:
        row = reader.get(address)
    except ValueError:  # an IPv6 address in a database that has IPv4 alone; maxminddb's own error of a damaged file is another
        return {}
    return row if isinstance(row, dict) else {}


def _code(country: object) -> str:
    code = country.get("iso_code") if isinstance(country, dict) else None
    return code if type(code) is str and len(code) == 2 and code.isascii() and code.isupper() else ""
