"""
Running scripts where their keys are, as plans: what may be asked again, who is followed, and what a refusal means.

A server that sends us on, or says that it cannot, has done nothing. A connection that broke, or an answer that never came,
leaves open what was done: then only what may happen twice is asked again, once.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha1
from pathlib import Path
from threading import Lock
from typing import Any

from redis.crc import key_slot
from redis.exceptions import AskError, MovedError, NoScriptError, ResponseError

from acctsec.errors import StoreError, StoreUnavailable
from acctsec.stores._plans import Plan
from acctsec.stores._valkey_links import Address, Ask, Command, Unanswered, name_of, word_of

HOPS = 8  # redirections of one call, before the cluster counts as lost


class Script:
    """A script on the server. It *keeps_on* where memory is full if it takes no more of it."""

    def __init__(self, *names: str, keeps_on: bool = False) -> None:
        # By its first line a replica refuses it, and a server that is full, before it has begun.
        begin = f"#!lua{' flags=allow-oom' if keeps_on else ''}\n"
        here = Path(__file__).parent
        self.text = begin + "\n".join([(here / f"{name}.lua").read_text(encoding="utf-8") for name in names])
        self.digest = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Call:
    """One run of a script on keys that lie together."""

    __slots__ = ("arguments", "keys", "script")

    def __init__(self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes | int]) -> None:
        self.script = script
        self.keys = keys
        self.arguments = arguments

    def command(self, *, known: bool) -> Command:
        """By its digest, or with the whole text where the server does not know it."""
        script = self.script
        run = ("EVALSHA", script.digest) if known else ("EVAL", script.text)
        return (*run, len(self.keys), *self.keys, *self.arguments)


class _Errand:
    """A call on its way: to whom it was sent on, whether for this once, and whether the script is *known* there."""

    __slots__ = ("address", "call", "known", "number", "once")

    def __init__(
        self, number: int, call: Call, *, address: Address | None = None, once: bool = False, known: bool = True
    ) -> None:
        self.number = number
        self.call = call
        self.address = address
        self.once = once
        self.known = known

    def commands(self) -> tuple[Command, ...]:
        command = self.call.command(known=self.known)
        return (("ASKING",), command) if self.once else (command,)


class Router:
    """Which server has which key; without a cluster it is always the same."""

    def __init__(self, seed: Address, *, cluster: bool) -> None:
        self.seed = seed
        self.cluster = cluster
        self.stale = cluster
        self._owners: dict[int, Address] = {}
        self._doubtful: set[Address] = set()
        self._learning = Lock()

    def primaries(self) -> list[Address]:
        """Every server that has keys."""
        return sorted(set(self._owners.values())) if self.cluster else [self.seed]

    def of(self, key: bytes) -> Address:
        """Who has *key*, as far as is known."""
        return self._owners.get(key_slot(key), self.seed) if self.cluster else self.seed

    def runs(self, keys: Iterable[bytes]) -> list[list[bytes]]:
        """*keys* in their order, cut where one script may not have both."""
        if not self.cluster:
            return [list(keys)]
        runs: list[list[bytes]] = []
        for key in keys:
            if runs and key_slot(runs[-1][0]) == key_slot(key):
                runs[-1].append(key)
            else:
                runs.append([key])
        return runs

    def doubt(self, address: Address) -> None:
        """A server did not answer: perhaps another has its keys by now."""
        if self.cluster:
            self.stale = True
            self._doubtful.add(address)

    def moved(self, slot: int, owner: Address) -> None:
        """A server said who has a slot now; others will have moved with it."""
        self._owners[slot] = owner
        self.stale = True

    def learn(self) -> Plan[None]:
        """Ask who has what, unless somebody is asking already."""
        if not self._learning.acquire(blocking=False):
            return
        try:
            lost: StoreUnavailable | None = None
            for address in sorted({*self.primaries(), self.seed}, key=lambda one: (one in self._doubtful, one)):
                [answered] = yield [(address, [("CLUSTER", "SLOTS")])]
                if isinstance(answered, Unanswered):
                    lost = lost or answered.error
                    continue
                if isinstance(answered[0], ResponseError):
                    raise refused(address, answered[0])
                self._owners = _owners(answered[0], address)
                self._doubtful.clear()
                self.stale = False
                return
            if lost is not None and not self._owners:
                raise lost
        finally:
            self._learning.release()


class Caller:
    """
    Runs scripts on whoever has their keys, and waits for *replicas* to have what they wrote where that is asked for.

    Replicas are sent one stream, in its order: who has what a connection wrote last has all that any wrote before.
    """

    def __init__(self, router: Router, *, replicas: int, timeout: float) -> None:
        self.router = router
        self.replicas = replicas
        # Less than a call may take, so that it is the server that says how many there were.
        self._wait: tuple[Command, ...] = (("WAIT", replicas, max(int(timeout * 750), 1)),) if replicas else ()

    def run(
        self, calls: Sequence[Call], *, again: bool, copied: bool = False, lost: type[StoreError] = StoreUnavailable
    ) -> Plan[list[Any]]:
        """
        Run *calls*, all at once, and answer what each answered.

        What may have been done is asked *again*, once, or raises *lost*. What was not done is asked once more of whoever has
        its key by then, if that is another server.
        """
        wait = self._wait if copied else ()
        if self.router.stale:
            yield from self.router.learn()
        if len(calls) == 1 and not wait:
            # As nearly always: one call, and its answer.
            address = self.router.of(calls[0].keys[0])
            got = yield ((address, (calls[0].command(known=True),)),)
            if type(got[0]) is list and not isinstance(got[0][0], ResponseError):
                return got[0]
            errands = {address: [_Errand(0, calls[0])]}
        else:
            errands = self._by_address([_Errand(number, call) for number, call in enumerate(calls)])
            got = yield _asks(errands, wait)
        answers: list[Any] = [None] * len(calls)
        tried = False
        for _ in range(HOPS):
            todo: list[_Errand] = []
            for address, answered in zip(sorted(errands), got, strict=True):
                if isinstance(answered, Unanswered):
                    if answered.sent and (tried or not again):
                        raise unknown(lost, address, answered.error)
                    if tried or not (answered.sent or self.router.cluster):
                        raise answered.error
                    tried = True
                    todo += yield from self._once_more(address, errands[address], answered)
                    continue
                left = self._sort(address, errands[address], answered, answers)
                if wait and not left:
                    self._check_copies(address, answered[-1])
                todo += left
            if not todo:
                return answers
            errands = self._by_address(todo)
            got = yield _asks(errands, wait)
        raise StoreUnavailable("The cluster sends a call on for ever.", remedy="Wait until its resharding is over.")

    def _by_address(self, errands: Sequence[_Errand]) -> dict[Address, list[_Errand]]:
        found: dict[Address, list[_Errand]] = {}
        for errand in errands:
            found.setdefault(errand.address or self.router.of(errand.call.keys[0]), []).append(errand)
        return found

    def _once_more(self, address: Address, errands: Sequence[_Errand], answered: Unanswered) -> Plan[list[_Errand]]:
        """Look who has the keys by now. To whom did not even hear the call it is not said again."""
        self.router.doubt(address)
        if self.router.stale:
            yield from self.router.learn()
        again = [_Errand(errand.number, errand.call, known=errand.known) for errand in errands]
        if not answered.sent and any(self.router.of(errand.call.keys[0]) == address for errand in again):
            raise answered.error
        return again

    def _sort(self, address: Address, errands: Sequence[_Errand], replies: Sequence[Any], answers: list[Any]) -> list[_Errand]:
        """Note what was answered; what was sent on, or needs the whole script, is answered for another round."""
        left = []
        reply_of = iter(replies)
        for errand in errands:
            if errand.once:
                next(reply_of)  # to ASKING
            reply = next(reply_of)
            if not isinstance(reply, ResponseError):
                answers[errand.number] = reply
            elif isinstance(reply, NoScriptError) and errand.known:
                left.append(_Errand(errand.number, errand.call, address=errand.address, once=errand.once, known=False))
            elif isinstance(reply, AskError) and self.router.cluster:
                owner = (reply.host or address[0], reply.port)
                if isinstance(reply, MovedError):
                    self.router.moved(reply.slot_id, owner)
                left.append(_Errand(errand.number, errand.call, address=owner, once=not isinstance(reply, MovedError)))
            else:
                raise refused(address, reply)
        return left

    def _check_copies(self, address: Address, acknowledged: Any) -> None:
        """
        Whether enough replicas have what was written or read: what was answered must survive the loss of its server.

        It is never CommitUnknown: nobody shall look here whether it happened, find that it did, and answer so.
        """
        remedy = "Bring the replicas back, or ask for fewer of them."
        if isinstance(acknowledged, ResponseError):
            if word_of(acknowledged) == "NOPERM":
                raise refused(address, acknowledged)
            # It became a replica itself while it waited.
            raise StoreUnavailable(
                f"{name_of(address)} was asked, and may no longer be a primary.", remedy=remedy
            ) from acknowledged
        if acknowledged < self.replicas:
            raise StoreUnavailable(
                f"{name_of(address)} was asked, but only {acknowledged} of {self.replicas} replicas have what it answered.",
                remedy=remedy,
            )


def _asks(errands: dict[Address, list[_Errand]], wait: Sequence[Command]) -> list[Ask]:
    """What to send to whom, in one order everywhere: nobody keeps a connection while he waits for one that another keeps."""
    return [
        (address, [*[command for errand in errands[address] for command in errand.commands()], *wait])
        for address in sorted(errands)
    ]


def unknown(lost: type[StoreError], address: Address, error: StoreUnavailable) -> StoreError:
    """What to raise where something may have been done."""
    if lost is StoreUnavailable:
        return error
    raised = lost(f"{name_of(address)} did not answer.", remedy="Read again to see whether it happened.")
    raised.__cause__ = error
    return raised


def refused(address: Address, error: ResponseError) -> StoreError:
    """What the server's own no means: whatever was asked was not done."""
    word = word_of(error)
    name = name_of(address)
    if word in _UNAVAILABLE:
        what, remedy = _UNAVAILABLE[word]
        raised: StoreError = StoreUnavailable(f"{name} {what}; nothing was done.", remedy=remedy)
    else:
        what, remedy = _REFUSED.get(word, (f"failed ({word})", "See the cause of this exception."))
        raised = StoreError(f"{name} {what}.", remedy=remedy)
    raised.__cause__ = error
    return raised


def _owners(table: Sequence[Any], address: Address) -> dict[int, Address]:
    """Who has which slot, by CLUSTER SLOTS; a server without a name is the one that was asked."""
    owners: dict[int, Address] = {}
    for first, last, (host, port, *_), *_ in table:
        owner = (host.decode() if host and host != b"?" else address[0], port)
        owners.update(dict.fromkeys(range(first, last + 1), owner))
    return owners


_WAIT = "Wait until it is over; the store notices by itself."
_UNAVAILABLE = {
    "OOM": ("has no memory left", "Raise its maxmemory, and keep maxmemory-policy at noeviction."),
    "READONLY": ("is a replica, and a decision never reads one", "Name the primary in the URL of the store."),
    "MASTERDOWN": ("is a replica without its primary", "Name the primary in the URL of the store."),
    "NOREPLICAS": ("has too few replicas to write", "Bring the replicas back, or lower min-replicas-to-write."),
    "MISCONF": ("cannot write to its disk", "Free some space on its disk, and look at its log."),
    "CLUSTERDOWN": ("belongs to a cluster that does not serve all slots", _WAIT),
    "TRYAGAIN": ("is moving the keys right now", _WAIT),
    "BUSY": ("is busy with another script", "Find the script that takes so long; these take microseconds."),
}
_REFUSED = {
    "NOPERM": ("does not allow its user to do this", "Give the user the rights that ValkeyStore names."),
    "WRONGTYPE": ("keeps something else under our keys", "Give the store a namespace of its own."),
    "ACCTSEC-FORMAT": ("keeps a meter in a format this release does not know", "Run the release that wrote it, or a newer one."),
    "MOVED": ("belongs to a cluster", "Make the store with cluster=True."),
    "ASK": ("belongs to a cluster", "Make the store with cluster=True."),
}
