"""What an operator did to a subject."""

from attrs import frozen

from acctsec.events.shared import Event


@frozen(kw_only=True)
class Disabled(Event):
    """An administrator disabled the subject; every session is dead."""

    actor: str


@frozen(kw_only=True)
class Enabled(Event):
    """An administrator enabled the subject again."""

    actor: str


@frozen(kw_only=True)
class Erased(Event):
    """Everything held about the subject was deleted."""

    actor: str
