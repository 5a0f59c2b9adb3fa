"""The networks a source belongs to: its address, the prefixes around it and, if somebody can tell, whose they are."""

import ipaddress
from functools import lru_cache
from typing import Protocol

from attrs import field, frozen
from attrs.validators import optional

from acctsec._values import Value, evolve
from acctsec.checks import whole
from acctsec.context import Source
from acctsec.errors import ConfigError, PortError

IPV4_PREFIX = 24  # the longest that is routed between networks
IPV6_PREFIXES = (56, 48)  # what a home and what a site is given (RFC 6177 section 2); its /64 is the source itself


@frozen(kw_only=True)
class Origin:
    """Whose an address is: the number of the autonomous system (RFC 6793) and the country (ISO 3166-1), where known."""

    asn: int | None = field(default=None, validator=optional(whole(0, 2**32 - 1)))
    country: str = ""

    def __attrs_post_init__(self) -> None:
        letters = self.country
        if type(letters) is not str or (letters and not (len(letters) == 2 and letters.isascii() and letters.isupper())):
            raise ConfigError("The country is no code of two capital letters.", remedy="Give one of ISO 3166-1 alpha-2, or none.")


class OriginResolver(Protocol):
    """Tells whose an address is. It is asked on the way of a sign-in: from memory or a local file, never from the network."""

    def origin(self, address: str) -> Origin:
        """The origin of an address, as far as it is known. Raises for nothing but a fault of its own."""


class Networks(Value, frozen=True):
    """
    The names under which a source is counted, narrow to wide.

    *address* is an IPv4 address, an IPv6 /64, or ``unknown``; *prefixes* are a /24, or a /56 and a /48, or none.
    """

    address: str
    prefixes: tuple[str, ...] = ()
    asn: int | None = None
    country: str = ""


def networks(source: Source, resolver: OriginResolver | None = None) -> Networks:
    """
    Name the networks of a *source*.

    Who has no usable address is in one bucket and in no prefix. Raises PortError when *resolver* answers with anything else
    than an Origin.
    """
    here = _named(source.key)
    if resolver is None or not here.prefixes:
        return here
    found = resolver.origin(source.key.partition("/")[0])
    if not isinstance(found, Origin):
        raise PortError("The resolver answered with something else.", remedy="Return acctsec.attacks.networks.Origin.")
    return evolve(here, asn=found.asn, country=found.country)


@lru_cache(maxsize=4_096)
def _named(key: str) -> Networks:
    """Reading an address takes longer than all else that is done with it, and who comes once comes again."""
    try:
        block = ipaddress.ip_network(key)
        lengths = (IPV4_PREFIX,) if block.version == 4 else IPV6_PREFIXES
        return Networks(key, tuple(str(block.supernet(new_prefix=length)) for length in lengths))
    except ValueError:  # no address, or a network wider than those: a bucket that the platform named itself
        return Networks(key)
