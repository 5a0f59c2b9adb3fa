"""How two administrators together get a subject back in."""

from acctsec.engine._face import Face, on_both_faces
from acctsec.outcomes import Acted, Proposed, Refused, TryAgain
from acctsec.recovery import Capability


class ProposalActs(Face):
    """How two administrators together get a subject back in."""

    @on_both_faces
    async def propose_recovery(
        self, subject: str, gives: Capability, *, actor: str, address: str | None = None, tenant: str = ""
    ) -> Proposed | Refused | TryAgain:
        """
        Propose that a subject gets its password or its factors back by a link to *address*, or a new mail *address* by
        ``Capability.ADDRESSES``; nothing comes of it before another actor agrees.

        The link goes to a verified address; which one has to be named where there are several, since one may be a thief's.

        Refused where no path of the policy has ADMINISTRATORS for this subject, or it has no verified mail address: nobody could
        be told. Raises ConfigError for an address that no mail goes to, and where `Directory.apply` is missing.
        """
        return await self._flows.proposals.propose(subject, gives, actor=actor, address=address, tenant=tenant)

    @on_both_faces
    async def approve_recovery(
        self, subject: str, change: str, *, actor: str, address: str | None = None, tenant: str = ""
    ) -> Acted | Refused | TryAgain:
        """
        Agree to a proposal of another actor: the owner is mailed a link, every address is told, and no administrator holds
        anything.

        The link stands for what was proposed, beside the mailbox, and goes the way of any reset: it waits as the policy says. A
        new address is mailed its own, for ``verify_address``; it waits from now on, and every address before it has the veto.
        Both name the *address*, where it is new or one of several. Refused: the proposal is over, one's own, or for another
        address.
        """
        return await self._flows.proposals.approve(subject, change, actor=actor, address=address, tenant=tenant)

    @on_both_faces
    async def withdraw_proposal(self, subject: str, change: str, *, actor: str, tenant: str = "") -> Acted | Refused | TryAgain:
        """Take a proposal back, one's own or another's. Refused: it is over, or was approved."""
        return await self._flows.proposals.withdraw(subject, change, actor=actor, tenant=tenant)
