"""How a factor is asked for that needs something sent first."""

from acctsec.context import Context
from acctsec.engine._face import Face, on_both_faces
from acctsec.outcomes import CodeSent, OutsideBegun, PromptApproved, PromptDenied, PromptPending, PromptSent, Refused, TryAgain


class AskingOperations(Face):
    """How a factor is asked for that needs something sent first."""

    @on_both_faces
    async def send_code(self, ticket: str, factor_id: str, *, context: Context) -> CodeSent | Refused | TryAgain:
        """
        Send a code to a factor of the *ticket* of FactorRequired, of ReauthenticationRequired or of CodeEnrollmentStarted; it is
        good once, for that ticket alone: ``verify_factor(ticket, DeliveredCode(code))``.

        TryAgain: another one is on its way already. Refused: the ticket is over, there is no such factor, its address left the
        account or its SIM changed lately, or too many were sent. Another code resets nothing that was counted.
        """
        return await self._flows.codes.send_code(ticket, factor_id, context=context)

    @on_both_faces
    async def begin_outside(self, ticket: str, factor_id: str, *, context: Context) -> OutsideBegun | Refused | TryAgain:
        """
        Let somebody else ask the subject for a factor, for the *ticket* of FactorRequired: he may push something to a phone.

        Thirty times a day and subject, as often for strangers, and within the budget of a source. TryAgain: he did not
        answer.
        """
        return await self._flows.outside.begin_outside(ticket, factor_id, context=context)

    @on_both_faces
    async def push_prompt(self, ticket: str, factor_id: str, *, context: Context) -> PromptSent | Refused | TryAgain:
        """
        Push a prompt to an app for the *ticket* of FactorRequired or ReauthenticationRequired; show the number, and ask by
        ``verify_factor(ticket, PushApproval())`` what became of it.

        TryAgain: another prompt is outstanding until then; there is one at a time. Refused: the ticket is over, there is no such
        factor, too many were pushed, or one was denied: offer another factor. Asked for again, the last prompt of a ticket is
        over.
        """
        return await self._flows.prompts.push_prompt(ticket, factor_id, context=context)

    @on_both_faces
    async def inspect_prompt(self, token: str, *, context: Context) -> PromptPending | Refused:
        """Look at a prompt without touching anything, for what the app shows beside the field for the number."""
        return await self._flows.prompts.inspect_prompt(token, context=context)

    @on_both_faces
    async def answer_prompt(self, token: str, number: str, *, context: Context) -> PromptApproved | Refused | TryAgain:
        """
        Type the number that the browser shows into the app. *token* is that of ``Message.prompt``; let the app prove itself
        first, by a key of its own (SP 800-63B-4 section 3.1.3.1).

        A few wrong numbers end the prompt, and all count as wrong answers of a second factor.
        """
        return await self._flows.prompts.answer_prompt(token, number, context=context)

    @on_both_faces
    async def deny_prompt(self, token: str, *, context: Context) -> PromptDenied | Refused | TryAgain:
        """
        Say in the app that it was somebody else who asked: for an explicit button, never for one that only closes.

        The prompt is over, nothing is pushed for strangers for ``PushPolicy.freeze``, and every address is told that somebody
        knows the password. A known device that asked is known no more, and a session or a reset that did is over. Refused: the
        prompt was used or replaced.
        """
        return await self._flows.prompts.deny_prompt(token, context=context)
