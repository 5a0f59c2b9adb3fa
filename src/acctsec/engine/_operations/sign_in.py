"""How somebody gets in, and what an open session may do."""

from acctsec.claims import FactorAnswer, PasskeyAssertion, UnlockProof
from acctsec.context import Context
from acctsec.engine._face import Face, on_both_faces
from acctsec.outcomes import (
    AuthorizeOutcome,
    PasskeyChallenge,
    ReauthenticateOutcome,
    Refused,
    SignInOutcome,
    UnlockOutcome,
    UnlockPending,
    VerifyFactorOutcome,
)


class SignInOperations(Face):
    """How somebody gets in, and what an open session may do."""

    @on_both_faces
    async def sign_in(self, identifier: str, password: str, *, context: Context) -> SignInOutcome:
        """
        Check a password and say what is due next.

        Refused is the one answer for unknown, wrong, disabled, passwordless and locked; with *retry_after* it is the
        caller's own source, or known device, that has to wait. ChallengeRequired: this looks like an attack; show the puzzle
        and make the same call with the answer. RecoveryRequired: the second factor is lost. TryAgain: nothing was compared or
        counted.
        """
        return await self._flows.sign_in.sign_in(identifier, password, context=context)

    @on_both_faces
    async def verify_factor(
        self, ticket: str, answer: FactorAnswer, *, remember: bool = False, context: Context
    ) -> VerifyFactorOutcome:
        """
        Check a second factor for the *ticket* of FactorRequired.

        After a sign-in the answer is SignedIn or PasswordChangeRequired, for a reset ProofAccepted. A code works once,
        a ticket works once, and all factors of a subject share one budget of wrong answers. PasskeyAssertion answers the options
        that came with this very ticket.

        *remember*: let this browser in by the password alone for a while, where ``MfaPolicy.remember`` allows it. Offer a box
        that is not ticked.
        """
        return await self._flows.sign_in.verify_factor(ticket, answer, remember=remember, context=context)

    @on_both_faces
    async def begin_passkey_sign_in(self, *, context: Context) -> PasskeyChallenge:
        """
        Ask a browser for any passkey of this service: for a button, or for the autofill of a name field, which takes the same.

        Nothing is read, charged or stored, and nothing of it is about anybody. Keep the ticket in this browser. Raises
        ConfigError where the policy has no passkeys.
        """
        return await self._flows.passkeys.begin_passkey_sign_in(context=context)

    @on_both_faces
    async def sign_in_with_passkey(self, ticket: str, answer: PasskeyAssertion, *, context: Context) -> SignInOutcome:
        """
        Sign in with a passkey that verified its holder, without a name or a password: two factors at once.

        It is the passkey that says whose it is. Refused is the one answer for a wrong signature, an unknown passkey, and an
        account that is disabled or contested; with *retry_after* it is the caller's own source that has to wait. A passkey that
        never verified its holder is refused too: it is good beside a password. FactorRequired, EnrollmentRequired: the rules ask
        for more. The state of the password does not matter, nor does it change.
        """
        return await self._flows.passkeys.sign_in_with_passkey(ticket, answer, context=context)

    @on_both_faces
    async def authorize(self, token: str, action: str, *, context: Context) -> AuthorizeOutcome:
        """
        Say whether a session may do this now, and what is missing where it may not: one load and no write.

        *action* is an `Action`, or one of the platform's own that ``MfaPolicy.actions`` lists; any other raises ConfigError, as
        one that nobody listed would be free for all. No cache has a say here.
        """
        return await self._flows.step_ups.authorize(token, action, context=context)

    @on_both_faces
    async def reauthenticate(self, ticket: str, password: str, *, context: Context) -> ReauthenticateOutcome:
        """
        Prove the password again, for the *ticket* of ReauthenticationRequired: a guess in the same budget as a sign-in's.

        The answer is SignedIn with a new session in place of the old one (its ``device`` is ""), or what is still missing.
        """
        return await self._flows.step_ups.reauthenticate(ticket, password, context=context)

    @on_both_faces
    async def inspect_unlock(self, link: str, *, context: Context) -> UnlockPending | Refused:
        """Look at an unlock link without touching anything: for the page a GET renders, since mail scanners open links."""
        return await self._flows.unlocking.inspect_unlock(link, context=context)

    @on_both_faces
    async def unlock(self, proof: UnlockProof, *, context: Context) -> UnlockOutcome:
        """
        Open the lane of strangers that guessing has stopped, by a mailed link or a live second factor: on an explicit POST.

        LockOpened signs nobody in: passwords are compared again where nobody is known, for as many failures as a device has. Only
        this lane is opened. Refused: nothing is stopped, or the link is used or over, the code wrong, the month or the budget of
        openings used up; a reset opens then. Effective at once on every node.
        """
        return await self._flows.unlocking.unlock(proof, context=context)
