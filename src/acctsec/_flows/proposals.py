"""Recovery by two administrators, each act with its actor; what they bring about is mailed to the owner and nobody else."""

from acctsec._flows.changes import id_of
from acctsec._flows.core import BRIEF, Core, channel_of
from acctsec.claims import Admin
from acctsec.errors import ConfigError
from acctsec.outcomes import Acted, Proposed, Refused, TryAgain
from acctsec.protocols import Channel
from acctsec.record import Record
from acctsec.recovery import Capability
from acctsec.steps import Done, No, Proposer, Scene, Step, approve, find_proposal, propose, withdraw
from acctsec.steps.proposals import PROPOSAL, PROPOSED


class Proposals:
    """What one administrator proposes and another approves."""

    def __init__(self, core: Core) -> None:
        self.core = core

    async def propose(self, subject: str, gives: Capability, *, actor: str, tenant: str) -> Proposed | Refused | TryAgain:
        """Propose a recovery; see Engine.admin."""
        core, admin = self.core, Admin(actor)
        if not isinstance(gives, Capability) or gives not in PROPOSED:
            message = f"`gives` is {gives!r}, which two administrators cannot give."
            raise ConfigError(message, remedy="Give Capability.PASSWORD or Capability.FACTORS.")
        scene, loaded = await core.enter(tenant, subject)
        change, sealed = core.draw(16), core.keyring.seal("proposer", admin.actor.encode(), tenant, subject)

        def step(record: Record) -> Step:
            return propose(core.policy, record, scene=scene, gives=gives, by=admin, change_id=change, sealed=sealed)

        if not self._reachable(scene):
            return self._no(scene, Step(No("no mail address"), loaded.record), "propose_recovery")
        done = await core.apply(scene, loaded, step)
        if not isinstance(done.verdict, Done):
            return self._no(scene, done, "propose_recovery")
        return Proposed(change=change.hex(), expires=scene.now + PROPOSAL)

    async def approve(self, subject: str, change: str, *, actor: str, tenant: str) -> Acted | Refused | TryAgain:
        """Agree to what another proposed; see Engine.admin."""
        core, admin, change_id = self.core, Admin(actor), id_of(change)
        scene, loaded = await core.enter(tenant, subject)
        found = find_proposal(loaded.record, change_id, scene)
        name = None if found is None else core.keyring.open("proposer", found.about, tenant, subject)
        if found is None or name is None or not self._reachable(scene):
            reason = "no such proposal" if found is None or name is None else "no mail address"
            return self._no(scene, Step(No(reason), loaded.record), "approve_recovery")
        proposer, handle, seed = Proposer(found.about, name.decode()), core.draw(16), core.draw(16)

        def step(record: Record) -> Step:
            return approve(
                core.policy,
                record,
                scene=scene,
                change_id=change_id,
                proposer=proposer,
                by=admin,
                handle=handle,
                seed=seed,
            )

        done = await core.apply(scene, loaded, step)
        return Acted() if isinstance(done.verdict, Done) else self._no(scene, done, "approve_recovery")

    async def withdraw(self, subject: str, change: str, *, actor: str, tenant: str) -> Acted | Refused | TryAgain:
        """Take a proposal back; see Engine.admin."""
        core, admin, change_id = self.core, Admin(actor), id_of(change)
        scene, loaded = await core.enter(tenant, subject)
        done = await core.apply(scene, loaded, lambda record: withdraw(record, scene=scene, change_id=change_id, by=admin))
        return Acted() if isinstance(done.verdict, Done) else self._no(scene, done, "withdraw_proposal")

    def _reachable(self, scene: Scene) -> bool:
        """Whether there is an address that a link can be mailed to."""
        return scene.account is not None and any(channel_of(one) is Channel.MAIL for one in scene.account.addresses)

    def _no(self, scene: Scene, done: Step, operation: str) -> Refused | TryAgain:
        if isinstance(done.verdict, No):
            self.core.refused(scene, operation, "evaluated", done.verdict.reason)
            return Refused()
        return done.verdict if isinstance(done.verdict, TryAgain) else TryAgain(BRIEF)
