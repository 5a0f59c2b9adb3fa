"""Everything outside: the ports of an engine, and how one is asked."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from attrs import define

from acctsec.attacks.networks import OriginResolver
from acctsec.attacks.watching import AsyncAttackWatch
from acctsec.errors import PortError
from acctsec.events import AsyncEventSink
from acctsec.hashing.job import Job
from acctsec.protocols import (
    AsyncBreachCorpus,
    AsyncChallenge,
    AsyncDirectory,
    AsyncMessenger,
    AsyncMeterStore,
    AsyncOutboxStore,
    AsyncOutsideFactor,
    AsyncPopularityCounter,
    AsyncRecordStore,
    Clock,
    Entropy,
    PasskeyVerifier,
)

T = TypeVar("T")


@define(kw_only=True)
class Ports:
    """Everything outside. The async face hands the async forms in, the blocking face wraps its own."""

    records: AsyncRecordStore
    outbox: AsyncOutboxStore | None
    meters: AsyncMeterStore
    own_meters: AsyncMeterStore  # of this process, for when the others do not answer
    own_devices: AsyncMeterStore  # the same for known devices: strangers cannot fill it
    directory: AsyncDirectory
    messenger: AsyncMessenger | None
    sink: AsyncEventSink | None
    corpus: AsyncBreachCorpus | None
    popularity: AsyncPopularityCounter | None
    challenge: AsyncChallenge | None
    outside: Mapping[str, AsyncOutsideFactor]  # by the names of MfaPolicy.outside
    watch: AsyncAttackWatch
    resolver: OriginResolver | None
    passkeys: PasskeyVerifier | None
    hash: Callable[[Job[object]], Awaitable[object]]
    offload: Callable[[Job[Any]], Awaitable[Any]]
    later: Callable[[Callable[[], Coroutine[Any, Any, None]]], bool]  # begins what nobody waits for; False where too much is on
    pause: Callable[[float], Awaitable[None]]
    clock: Clock
    entropy: Entropy


async def port(name: str, call: Awaitable[T]) -> T:
    """Await a platform's port. What it raises, or a coroutine where a value is due, denies loudly."""
    try:
        answer = await call
    except PortError:
        raise
    except Exception as error:
        raise PortError(f"{name} raised {type(error).__name__}.", remedy="See the cause; nothing was granted.") from error
    if inspect.iscoroutine(answer):
        answer.close()
        raise PortError(f"{name} answered with a coroutine.", remedy="Use AsyncEngine for async ports.")
    return answer
