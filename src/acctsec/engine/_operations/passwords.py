"""What people and pages do about a password: judge, set and forget it."""

from acctsec.claims import PasswordClaim, ResetProof
from acctsec.context import Context
from acctsec.engine._face import Face, on_both_faces
from acctsec.outcomes import (
    CheckPasswordOutcome,
    RedeemResetOutcome,
    Refused,
    RemoveLostFactorsOutcome,
    ResetPending,
    ResetRequested,
    SetPasswordOutcome,
)
from acctsec.protocols import Account


class PasswordOperations(Face):
    """What people and pages do about a password: judge, set and forget it."""

    @on_both_faces
    async def check_password(self, password: str, *, account: Account | None = None, tenant: str = "") -> CheckPasswordOutcome:
        """
        Judge a password by the rules alone: for a form, before anything is set.

        *account* and *tenant* bind it to what ``Policy.groups`` and ``Policy.tenants`` ask of them. It never looks at a stored
        verifier, so it tells nothing about anybody. TryAgain: too many ask at once, and nothing was judged. Raises PortError
        when a custom rule misbehaves.
        """
        return await self._flows.passwords.check_password(password, account=account, tenant=tenant)

    @on_both_faces
    async def set_password(self, subject: str, password: str, *, by: PasswordClaim, context: Context) -> SetPasswordOutcome:
        """
        Set or change the password of *subject* on the claim *by*.

        PasswordChanged ended every session, ticket, reset, known device and known network of before. PasswordRejected says
        why the new one will not do. Refused: the claim does not carry the change. Raises ConfigError when *by* is not a claim.
        """
        return await self._flows.passwords.set_password(subject, password, by=by, context=context)

    @on_both_faces
    async def request_reset(self, identifier: str, *, context: Context) -> ResetRequested:
        """
        Ask for a reset: the same answer and the same work for known, unknown, locked and disabled.

        Everything else happens in ``deliver``. Keep the handle in this browser; a reset code is useless without it.
        """
        return await self._flows.resets.request_reset(identifier, context=context)

    @on_both_faces
    async def inspect_reset(self, link: str, *, context: Context) -> ResetPending | Refused:
        """
        Look at a reset link without touching anything: for the page a GET renders, since mail scanners open links.
        """
        return await self._flows.resets.inspect_reset(link, context=context)

    @on_both_faces
    async def redeem_reset(self, reset: ResetProof, new_password: str, *, context: Context) -> RedeemResetOutcome:
        """
        Replace a forgotten password: the only door of a reset.

        FactorRequired comes before anything changes, where a live factor guards the subject; take its ticket to
        ``verify_factor`` and come back with ResumeTicket. PasswordRejected leaves the reset alive. It never signs in.
        """
        return await self._flows.resets.redeem_reset(reset, new_password, context=context)

    @on_both_faces
    async def remove_lost_factors(self, reset: ResetProof, *, context: Context) -> RemoveLostFactorsOutcome:
        """
        Take every second factor and printed code off, for an owner who has lost them; the password stays.

        It goes like ``redeem_reset``: the same proofs, tickets and answers, by the paths of the policy that give FACTORS. With
        FactorsRemoved every session is over, and every address is told; nobody is signed in. Refused where there is no factor,
        and while the account is contested: what is taken off could not settle it any more.
        """
        return await self._flows.resets.remove_lost_factors(reset, context=context)
