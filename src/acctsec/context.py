"""
The facts of a request: where it comes from, which device it names, which tenant it is for.

The source is explicit and attributed beforehand; headers are read only by ``Source.forwarded``, with the number of proxies
that the platform really runs.
"""

import ipaddress
from datetime import datetime
from typing import Self

from attrs import field, frozen
from attrs.validators import optional

from acctsec.checks import kind
from acctsec.claims import ChallengeAnswer
from acctsec.errors import ConfigError
from acctsec.protocols import check_name

KEY_BYTES = 32  # of a SHA-256, as RFC 7638 and RFC 8705 name a key
IPV6_PREFIX = 64  # one customer line; a /64 holds 2**64 addresses and is the smallest block networks hand out (RFC 6177)


@frozen
class Source:
    """
    The network a request comes from, as a budget key: an IPv4 address, an IPv6 prefix, or ``unknown``.

    All requests without a usable address share the one unknown bucket, which is therefore the strictest.
    """

    key: str = field(validator=check_name)

    @classmethod
    def unknown(cls) -> Self:
        """The bucket of requests whose address nobody can tell."""
        return cls("unknown")

    @classmethod
    def of(cls, address: object) -> Self:
        """Take the peer's address, as text; IPv4-mapped IPv6 is unwrapped, IPv6 cut to its /64, rubbish is ``unknown``."""
        if type(address) is not str or len(address) > 64:
            return cls.unknown()
        try:
            parsed = ipaddress.ip_address(address.strip().strip("[]").partition("%")[0])
        except ValueError:
            return cls.unknown()
        if isinstance(parsed, ipaddress.IPv6Address):
            mapped = parsed.ipv4_mapped
            if mapped is None:
                return cls(str(ipaddress.ip_network((int(parsed), IPV6_PREFIX), strict=False)))
            parsed = mapped
        return cls(str(parsed))

    @classmethod
    def forwarded(cls, *, peer: str, header: str | None, trusted_proxies: int) -> Self:
        """
        Read ``X-Forwarded-For`` behind exactly *trusted_proxies* proxies of your own.

        The address is counted from the right: what a client writes itself stands to the left and is never looked at.
        Fewer entries than proxies means the request came around them: the source is unknown.
        """
        if type(trusted_proxies) is not int or trusted_proxies < 0:
            message = f"trusted_proxies is {trusted_proxies!r}."
            raise ConfigError(message, remedy="Give the number of reverse proxies in front of the application, 0 for none.")
        if trusted_proxies == 0:
            return cls.of(peer)
        hops = header.split(",") if type(header) is str and len(header) <= 4096 else []
        if len(hops) < trusted_proxies:
            return cls.unknown()
        return cls.of(hops[-trusted_proxies])


def _short(given: object) -> str:
    return str(given)[:256]


def _check_instant(_: object, __: object, value: datetime | None) -> None:
    if value is not None and (not isinstance(value, datetime) or value.utcoffset() is None):
        raise ConfigError("sim_changed is no aware datetime.", remedy="Give an instant with its time zone, or None.")


def _check_key(_: object, __: object, value: bytes | None) -> None:
    if value is not None and (type(value) is not bytes or len(value) != KEY_BYTES):
        raise ConfigError(
            "key is no thumbprint.", remedy=f"Give the {KEY_BYTES} bytes of the SHA-256 that names the key, or None."
        )


@frozen(kw_only=True)
class Context:
    """
    The facts of one request.

    *device* is the device token of an earlier ``SignedIn``, from its own cookie. *tenant* separates platforms that share one
    store; nothing of one tenant is of use in another. *challenge* answers the ``ChallengeRequired`` that this very call was
    answered with before. *sim_changed* is when the SIM of the phone number in use last changed hands, as a number-insight service
    tells it, aware; None where nobody asked. It is a fact about a number that was texted, never a proof. *key* names the key that
    the platform saw this very request signed with, by 32 bytes: the JWK thumbprint of a DPoP proof (RFC 9449), or that of a
    client certificate (RFC 8705); what it is good for says ``SessionPolicy.binding``.
    """

    source: Source = field(validator=kind(Source))
    device: str | None = field(default=None, repr=False)
    user_agent: str = field(default="", converter=_short)
    tenant: str = field(default="", validator=check_name)
    challenge: ChallengeAnswer | None = field(default=None, repr=False, validator=optional(kind(ChallengeAnswer)))
    sim_changed: datetime | None = field(default=None, validator=_check_instant)
    key: bytes | None = field(default=None, repr=False, validator=_check_key)

    @classmethod
    def of(
        cls,
        address: object,
        *,
        device: str | None = None,
        user_agent: str = "",
        tenant: str = "",
        challenge: ChallengeAnswer | None = None,
        sim_changed: datetime | None = None,
        key: bytes | None = None,
    ) -> Self:
        """The usual context: the peer's *address* and the device cookie."""
        return cls(
            source=Source.of(address),
            device=device,
            user_agent=user_agent,
            tenant=tenant,
            challenge=challenge,
            sim_changed=sim_changed,
            key=key,
        )
