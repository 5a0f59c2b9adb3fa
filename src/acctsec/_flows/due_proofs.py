"""What a recovery still asks for: which proofs a subject has, and the ticket to show them with."""

from acctsec._flows.answers import factor_infos, masks
from acctsec._flows.core import Core
from acctsec._flows.kinds.passkeys import requested
from acctsec._flows.tokens import Purpose
from acctsec._values import evolve
from acctsec.claims import Ticket
from acctsec.outcomes import (
    FactorInfo,
    FactorRequired,
    ProofRequired,
)
from acctsec.record import Record
from acctsec.recovery import Proof, proof_of
from acctsec.steps import (
    Recovery,
    Scene,
    trusted,
    trusted_contacts,
)

BEYOND = frozenset({Proof.MAIL, Proof.TEXT, Proof.DEVICE, Proof.ADMINISTRATORS})
"""What nobody can tell of a subject that it does not have."""


class DueProofs:
    """What is lacking in a recovery, as its answers say it."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def ticket(self, scene: Scene, record: Record, *, reset: bytes, methods: tuple[str, ...]) -> Ticket:
        core = self.core
        return Ticket(
            tenant=scene.tenant,
            subject=scene.subject,
            incarnation=record.incarnation,
            epoch=record.epoch,
            id=core.draw(16),
            issued=scene.now,
            expires=scene.now + core.policy.reset.resume_lifetime,
            methods=methods,
            reset=reset,
        )

    def required(
        self, scene: Scene, record: Record, recovery: Recovery, paths: tuple[frozenset[Proof], ...]
    ) -> FactorRequired | ProofRequired:
        """Ask for a factor where the subject has one that would do, otherwise say what would."""
        ticket = self.ticket(scene, record, reset=recovery.reset, methods=recovery.methods)
        ticket = evolve(ticket, change=recovery.change)  # its address may go, and it may be over, before all is shown
        token = self.core.tokens.seal(Purpose.RESET, ticket)
        shown = self.infos(scene, record)
        provable = {self._proof(info) for info in shown}
        wanted = {proof for path in paths if path <= provable for proof in path}
        infos = tuple(info for info in shown if self._proof(info) in wanted)
        if infos:
            helps = Proof.FACTOR in wanted
            asked = requested(self.core, trusted(record), ticket) if helps else None
            return FactorRequired(token, factors=infos, passkey=asked)
        return ProofRequired(token, paths=self.open_to(scene, record, paths))

    def infos(self, scene: Scene, record: Record) -> tuple[FactorInfo, ...]:
        """What may be shown of the factors that prove something in a recovery."""
        factors = trusted(record)
        infos = factor_infos(factors, masks=masks(self.core, scene, factors))
        unchecked = {one.id for one in factors if not self.core.policy.mfa.checks(one)}
        return tuple(one for one in infos if self._proof(one) is not None and not one.reported and one.id not in unchecked)

    def _proof(self, info: FactorInfo) -> Proof | None:
        """What a factor is a proof of here, if of anything."""
        return proof_of(info.method, self.core.policy.mfa.possessions)

    def open_to(self, scene: Scene, record: Record, paths: tuple[frozenset[Proof], ...]) -> tuple[frozenset[str], ...]:
        """Those of the paths for which the subject has what they ask."""
        has = {self._proof(info) for info in self.infos(scene, record)} | BEYOND
        policy = self.core.policy
        if len(trusted_contacts(policy, record, scene.now)) >= policy.recovery.contacts_needed:
            has |= {Proof.CONTACTS}
        return tuple(frozenset(one.value for one in path) for path in paths if path <= has)
