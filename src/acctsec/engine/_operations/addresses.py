"""What an account is reached and named by: addresses and identifiers."""

from acctsec.claims import AddressProof
from acctsec.context import Context
from acctsec.engine._face import Face, on_both_faces
from acctsec.outcomes import (
    AddressPending,
    ChangeIdentifierOutcome,
    Refused,
    RemoveAddressOutcome,
    TryAgain,
    VerifyAddressOutcome,
)


class AddressOperations(Face):
    """What an account is reached and named by: addresses and identifiers."""

    @on_both_faces
    async def add_address(
        self, token: str, address: str, *, replaces: str | None = None, context: Context
    ) -> AddressPending | Refused | TryAgain:
        """
        Say that *address* is the subject's too, or instead of the one that it *replaces*, with a fresh session at full level.

        AddressPending: a code, and by mail a link, went there, and every verified address is told; nothing is different before
        ``verify_address``. It is the same whoever else has the address. Refused: it is none that messages can go to, or the
        account has it, or six. Raises ConfigError where the directory has no ``apply``.
        """
        return await self._flows.addresses.add_address(token, address, replaces=replaces, context=context)

    @on_both_faces
    async def inspect_address(self, link: str, *, context: Context) -> AddressPending | Refused:
        """
        Look at a link that proves an address without touching anything: for the page a GET renders, since scanners open links.
        """
        return await self._flows.addresses.inspect_address(link, context=context)

    @on_both_faces
    async def verify_address(self, proof: AddressProof, *, session: str | None = None, context: Context) -> VerifyAddressOutcome:
        """
        Prove a new address by its link, anywhere, or by its code, beside a session of the subject: on an explicit POST.

        Give the *session* where there is one. Without, only the mailbox is proven: on an account that had no address before, all
        that was set up before goes (``AddressVerified.purged``). Waiting: proven, and it takes effect *until* then with
        ResumeTicket(ticket). AddressTaken: another account has it. Raises ConfigError where the directory has no ``apply``.
        """
        return await self._flows.addresses.verify_address(proof, session=session, context=context)

    @on_both_faces
    async def remove_address(self, token: str, address: str, *, context: Context) -> RemoveAddressOutcome:
        """
        Take a verified address off, with a fresh session at full level; never the last one.

        Without a second factor that has been there for as long it waits for ``Delays.address_changed``, and all are told: make
        the same call again from *until* on. What was mailed there is dead at once. Raises ConfigError where the directory has
        no ``apply``.
        """
        return await self._flows.addresses.remove_address(token, address, context=context)

    @on_both_faces
    async def change_identifier(self, token: str, old: str, new: str, *, context: Context) -> ChangeIdentifierOutcome:
        """
        Let the account answer to the name *new* instead of *old*, with a fresh session at full level.

        *new* is brought to its canonical form. IdentifierRejected: nobody may have it, or it is an address that the account has
        not proven. Every address is told. Raises ConfigError where the directory has no ``apply``.
        """
        return await self._flows.addresses.change_identifier(token, old, new, context=context)
