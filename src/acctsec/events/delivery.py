"""What became of messages and of the ports that take them."""

from attrs import frozen

from acctsec.events.shared import Event


@frozen(kw_only=True)
class PortFailed(Event):
    """Observation: a port that may fail did, and what depends on it went on without."""

    port: str


@frozen(kw_only=True)
class NoticeWithheld(Event):
    """Observation: a notice that strangers can bring about was not mailed to an address that had its share of them."""

    purpose: str


@frozen(kw_only=True)
class LetterDiscarded(Event):
    """An administrator let go of a dead letter: what *name* says, of this *kind*, is told to nobody any more."""

    kind: str
    name: str
    actor: str


@frozen(kw_only=True)
class LetterDied(Event):
    """
    Observation: an outbox entry had its last try, and waits until somebody revives or discards it.

    *kind* is ``event``, ``notice``, ``reset`` or ``unreadable``; *name* is the event's, or the purpose of the message.
    """

    kind: str
    name: str
