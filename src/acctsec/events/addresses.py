"""What an account is reached and named by from here on."""

from attrs import frozen

from acctsec.events.shared import Event


@frozen(kw_only=True)
class AddressProven(Event):
    """
    An *address*, named by a keyed digest, became a verified one, by *methods*. *purged*: without a session, as the first one of
    the account, and all that was set up before is gone.
    """

    change: str
    address: str
    methods: tuple[str, ...]
    purged: bool


@frozen(kw_only=True)
class AddressDropped(Event):
    """An *address*, named by a keyed digest, was taken off; *actor* is empty where its owner did it."""

    change: str
    address: str
    actor: str = ""


@frozen(kw_only=True)
class IdentifierReplaced(Event):
    """The subject answers to another identifier."""

    change: str
