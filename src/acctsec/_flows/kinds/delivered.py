"""Codes that were sent."""

from collections.abc import Iterator
from hmac import compare_digest

from acctsec._flows.core import Core
from acctsec._flows.naming import stored_among
from acctsec.claims import DeliveredCode, Enrollment, Ticket
from acctsec.keyring import frame, unframe
from acctsec.mfa.policy import method_of
from acctsec.mfa.proving import DeliveredMatch
from acctsec.outcomes import FactorKind
from acctsec.protocols import Channel
from acctsec.record import Delivered, Factors, Sent
from acctsec.steps import Scene

LABEL = "delivered"


class DeliveredCodes:
    """Codes by text, voice or mail, each for one ticket."""

    kind: FactorKind = FactorKind.DELIVERED
    answers: tuple[type, ...] = (DeliveredCode,)

    def __init__(self, core: Core) -> None:
        self.core = core

    def is_form(self, answer: DeliveredCode) -> bool:
        """Digits, and no other spelling of them."""
        return self.core.policy.mfa.delivered.is_code(answer.code)

    def guess(self, answer: DeliveredCode, scene: Scene) -> str:  # noqa: ARG002
        """The code; `meant` says for what."""
        return answer.code

    async def find(self, scene: Scene, factors: Factors, answer: DeliveredCode, ticket: Ticket | None) -> DeliveredMatch | None:
        """
        What it fits: a code that was sent for this very ticket, to a factor that is still an address of the account. All that
        were sent are compared.
        """
        sent = None if ticket is None else self._sent(scene, factors, answer, ticket)
        factor = None if sent is None else factors.factor(sent.factor)
        if sent is None or not isinstance(factor, Delivered) or self.address(scene, factor) is None:
            return None
        if self._is_frozen(scene, factor.channel):
            return None
        return DeliveredMatch(factor=factor.id, sent=sent.digest, method=method_of(factor))

    async def confirm(self, scene: Scene, enrollment: Enrollment, answer: DeliveredCode) -> Delivered | None:
        """The new factor, where the code came from an address that is still the account's. The epoch that rises spends it."""
        loaded = await self.core.load(self.core.record_key(scene.tenant, scene.subject), fresh=b"")
        found, sent = self.enrolled(scene, enrollment), self._sent(scene, loaded.record.factors, answer, enrollment)
        if found is None or sent is None or self._is_frozen(scene, found[0]):
            return None
        channel, address = found
        if Channel(channel) not in self.core.policy.mfa.delivered.channels:
            return None  # it was taken off meanwhile: nobody could be sent a code to it
        return Delivered(
            id=sent.factor,
            name=enrollment.name,
            channel=channel,
            sealed=self.core.keyring.seal(LABEL, address.encode(), scene.tenant, scene.subject, sent.factor),
            digest=self.core.recipient(scene, address),
            created=scene.now,
        )

    def sealed(self, factors: Factors) -> Iterator[tuple[str, bytes, str]]:
        """The addresses."""
        for one in factors.delivered:
            yield LABEL, one.sealed, one.id

    def _sent(self, scene: Scene, factors: Factors, answer: DeliveredCode, ticket: Ticket | Enrollment) -> Sent | None:
        found, core = None, self.core
        for one in factors.sent:
            coded = [digest(core, bound(ticket, one.factor), answer.code, key=key) for key in range(core.keyring.index_count)]
            right = sum([compare_digest(one.digest, each) for each in coded])
            if right and core.policy.mfa.delivered.is_live(one, scene.now):
                found = one
        return found

    def _is_frozen(self, scene: Scene, channel: str) -> bool:
        return self.core.policy.mfa.delivered.is_frozen(channel, sim_changed=scene.sim_changed, now=scene.now)

    # --- where it goes ---

    def address(self, scene: Scene, factor: Delivered) -> str | None:
        """Where the codes of a factor go, as the account has it; None once it is an address of the account no more."""
        opened = self.core.keyring.open(LABEL, factor.sealed, scene.tenant, scene.subject, factor.id)
        own = scene.account.addresses if scene.account else ()
        return None if opened is None else stored_among(own, opened.decode())

    def enrolling(self, scene: Scene, channel: str, address: str) -> bytes:
        """What the ticket of a new factor holds: the channel, and the address by the name that the record has for it."""
        return frame(channel, self.core.recipient(scene, address).hex())

    def enrolled(self, scene: Scene, enrollment: Enrollment) -> tuple[str, str] | None:
        """The same, read: the channel and the address, while that is one of the account's."""
        channel, name = unframe(enrollment.secret)
        own = scene.account.addresses if scene.account else ()
        address = next((one for one in own if bytes.fromhex(name) in self.core.recipients(scene, one)), None)
        return None if address is None else (channel, address)


def renamed(core: Core, scene: Scene, factors: Factors) -> dict[bytes, bytes]:
    """
    The names of addresses under an older index key, and those under the newest. Once that key is gone, nobody could tell which
    factors rest on an address that goes.
    """
    anew = dict[bytes, bytes]()
    for one in factors.delivered:
        address = core.keyring.open(LABEL, one.sealed, scene.tenant, scene.subject, one.id)
        name = one.digest if address is None else core.recipient(scene, address.decode())
        if not compare_digest(name, one.digest):
            anew[one.digest] = name
    return anew


def bound(ticket: Ticket | Enrollment, factor: str) -> tuple[str | bytes, ...]:
    """What a code is good for: one ticket, one factor, one life and one epoch of a subject."""
    return (ticket.tenant, ticket.subject, ticket.incarnation, str(ticket.epoch), ticket.id, factor)


def digest(core: Core, meant_for: tuple[str | bytes, ...], code: str, *, key: int = 0) -> bytes:
    """What the record knows of a code."""
    return core.keyring.digest("delivered code", *meant_for, code, key=key)


def meant(factors: Factors, ticket: Ticket | Enrollment) -> str:
    """
    What a code is guessed for: the ticket, and all that was sent for it. The same digits for another code are another guess, or
    who asks for codes without end could try one guess on each of them for nothing.
    """
    sent = b"".join(one.digest[:8] for one in factors.sent if compare_digest(one.ticket, ticket.id))
    return (ticket.id + sent).hex()
