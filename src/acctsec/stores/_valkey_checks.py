"""What is asked of a server before the first call: that it may count at all, and will not quietly forget what it counted."""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.exceptions import ResponseError

from acctsec._ports import clock
from acctsec.errors import ConfigError
from acctsec.stores._plans import Plan
from acctsec.stores._valkey_calls import refused
from acctsec.stores._valkey_links import Address, Replica, Unanswered, name_of
from acctsec.stores.valkey import ValkeyRisk

OLDEST = {"redis": (7, 0), "valkey": (7, 2)}
"""The first with scripts that a replica and a full server refuse before they begin."""

_SETTINGS = ("maxmemory", "maxmemory-policy", "appendonly", "appendfsync")
_IN_INFO = {"maxmemory": "maxmemory", "maxmemory_policy": "maxmemory-policy"}


class Checks:
    """Looks at one server after the other, and raises ConfigError for what is not accepted by name."""

    def __init__(self, *, cluster: bool, records: bool, accept: AbstractSet[ValkeyRisk], max_skew: timedelta) -> None:
        self._cluster = cluster
        self._records = records
        self._accept = accept
        self._max_skew = max_skew

    def look_at(self, addresses: Iterable[Address]) -> Plan[None]:
        """Look at each server."""
        for address in addresses:
            before = clock()
            commands = (("HELLO",), ("TIME",), ("CONFIG", "GET", *_SETTINGS), ("INFO",))
            [answered] = yield [(address, commands)]
            if isinstance(answered, Unanswered):
                if isinstance(answered.error, Replica):
                    raise ConfigError(f"{name_of(address)} is a replica.", remedy=answered.error.remedy) from answered.error
                raise answered.error
            hello, time, config, info = answered
            for needed in (hello, time):
                if isinstance(needed, ResponseError):
                    raise refused(address, needed)
            name = name_of(address)
            self._check_kind(name, hello)
            self._check_clock(name, time, before)
            settings = _settings(config, info)
            if settings is not None:
                self._check_settings(name, settings)
            elif ValkeyRisk.UNKNOWN_SETTINGS not in self._accept:
                raise ConfigError(
                    f"{name} tells this user neither CONFIG GET nor INFO, so it may forget what it counted.",
                    remedy="Allow one of them (ACL SETUSER … +info), or accept ValkeyRisk.UNKNOWN_SETTINGS.",
                )

    def _check_kind(self, name: str, hello: dict[bytes, Any]) -> None:
        kind, version, mode = (hello[field].decode() for field in (b"server", b"version", b"mode"))
        oldest = OLDEST.get(kind)
        if oldest and tuple(map(int, re.findall(r"\d+", version)[:2])) < oldest:
            raise ConfigError(f"{name} is {kind} {version}, which is too old.", remedy="Run Redis 7.0 or Valkey 7.2, or newer.")
        if mode != ("cluster" if self._cluster else "standalone"):
            what = {"cluster": "belongs to a cluster", "sentinel": "is a sentinel"}.get(mode, "belongs to no cluster")
            remedy = (
                "Name the primary in the URL of the store."
                if mode == "sentinel"
                else f"Make it with cluster={not self._cluster}."
            )
            raise ConfigError(f"{name} {what}.", remedy=remedy)

    def _check_clock(self, name: str, time: Any, before: datetime) -> None:
        seconds, micros = map(int, time)
        theirs = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)
        # The server looked at its clock at some moment in between.
        off = max(before - theirs, theirs - clock())
        if off > self._max_skew:
            raise ConfigError(
                f"The clock of {name} and the one of this machine are {off.total_seconds():.1f} seconds apart.",
                remedy="Let both follow the same time servers.",
            )

    def _check_settings(self, name: str, settings: dict[str, str]) -> None:
        policy = settings["maxmemory-policy"]
        if policy != "noeviction" and settings["maxmemory"] != "0" and ValkeyRisk.EVICTION not in self._accept:
            raise ConfigError(
                f"{name} has maxmemory-policy {policy}: when memory is short it forgets locks, and whoever fills it can make it.",
                remedy="CONFIG SET maxmemory-policy noeviction, or accept ValkeyRisk.EVICTION.",
            )
        if not self._records or ValkeyRisk.NO_PERSISTENCE in self._accept:
            return
        if settings["appendonly"] != "yes" or settings["appendfsync"] == "no":
            raise ConfigError(
                f"{name} may forget records that were committed: appendonly is {settings['appendonly']}, "
                f"appendfsync {settings['appendfsync']}.",
                remedy="CONFIG SET appendonly yes, CONFIG SET appendfsync always, or accept ValkeyRisk.NO_PERSISTENCE.",
            )
        if settings["appendfsync"] != "always" and ValkeyRisk.LAST_SECOND not in self._accept:
            raise ConfigError(
                f"{name} may forget the commits of its last second: appendfsync is {settings['appendfsync']}.",
                remedy="CONFIG SET appendfsync always, or accept ValkeyRisk.LAST_SECOND.",
            )


def _settings(config: Any, info: Any) -> dict[str, str] | None:
    """The settings that matter, by their names in the configuration; None where the server does not tell them."""
    if not isinstance(config, ResponseError):
        found = {name.decode(): value.decode() for name, value in config.items()}
        if set(_SETTINGS) <= set(found):
            return found
    if isinstance(info, ResponseError):
        return None
    told = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
    found = {setting: told[name] for name, setting in _IN_INFO.items() if name in told}
    # How often it is flushed to the disk is told by CONFIG alone.
    found |= {"appendonly": "yes" if told.get("aof_enabled") == "1" else "no", "appendfsync": "unknown"}
    return found if set(_SETTINGS) <= set(found) else None
