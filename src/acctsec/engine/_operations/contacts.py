"""Whose word counts beside the owner's: trusted contacts."""

from acctsec.claims import FreshSession
from acctsec.context import Context
from acctsec.engine._face import Face, on_both_faces
from acctsec.outcomes import (
    ContactNamed,
    ContactRemoved,
    Contacts,
    ContactsAsked,
    Refused,
    SharePending,
    TryAgain,
    Vouched,
    Waiting,
)


class ContactOperations(Face):
    """Whose word counts beside the owner's: trusted contacts."""

    @on_both_faces
    async def name_contact(self, token: str, contact: str, *, context: Context) -> ContactNamed | Refused | TryAgain:
        """
        Have the word of another subject of the tenant count for this one, with a fresh session at full level.

        Its word counts once ``RecoveryPolicy.contacts_settle`` is over; every address is told, and the contact is. The answer is
        the same whether there is such an account or not, or it is disabled. Refused: the session will not do, no path of the
        policy asks contacts, five were named, or it is the owner.
        """
        return await self._flows.contacts.name_contact(token, contact, context=context)

    @on_both_faces
    async def list_contacts(self, token: str, *, context: Context) -> Contacts | Refused:
        """The trusted contacts of the subject, and from when on the word of each counts. Refused: the session is over."""
        return await self._flows.contacts.list_contacts(token, context=context)

    @on_both_faces
    async def remove_contact(
        self, token: str, contact: str, *, context: Context
    ) -> ContactRemoved | Waiting | Refused | TryAgain:
        """
        Have the word of a contact count no more, nor what it has agreed to already, with a fresh session at full level.

        Waiting: a change can still be vetoed, and nothing is taken off meanwhile.
        """
        return await self._flows.contacts.remove_contact(token, contact, context=context)

    @on_both_faces
    async def ask_contacts(self, ticket: str, *, context: Context) -> ContactsAsked | Refused | TryAgain:
        """
        Mail every trusted contact that counts its share of the decision, after another proof: the ticket is that of
        FactorRequired, ProofRequired or ProofAccepted, and is used up with its reset.

        Go on with ``redeem_reset`` or ``remove_lost_factors`` and the new ticket; ProofRequired says that not enough have agreed
        yet. Refused: the ticket will not do, no path leads on with contacts, or there are too few.
        """
        return await self._flows.contacts.ask_contacts(ticket, context=context)

    @on_both_faces
    async def inspect_share(self, token: str, *, context: Context) -> SharePending | Refused:
        """Say what the share of a contact is for. It changes nothing: call it when the page is opened."""
        return await self._flows.contacts.inspect_share(token, context=context)

    @on_both_faces
    async def vouch(self, token: str, *, by: FreshSession, context: Context) -> Vouched | Refused | TryAgain:
        """
        Agree that the owner comes back in, as the very contact that was asked: on an explicit POST.

        A fresh session of the contact at its full level has to be there; its mail alone agrees to nothing. A share is good once,
        while the contact is one and the owner has not come in otherwise. It gives the contact nothing.
        """
        return await self._flows.contacts.vouch(token, by=by, context=context)
