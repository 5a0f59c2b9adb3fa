"""Several corpora as one."""

from collections.abc import Sequence
from inspect import iscoroutinefunction

from acctsec.errors import ConfigError
from acctsec.protocols import AsyncBreachCorpus, BreachCorpus


class AnyCorpus:
    """
    Several corpora as one: the largest count that one of them knows.

    One that fails does not matter where another finds the password. Where none does, what it raised is raised: that nobody who
    could be asked knows the password says nothing about those who could not. Raises ConfigError for a corpus of the async form.
    """

    def __init__(self, *corpora: BreachCorpus) -> None:
        _check(corpora, wants_async=False)
        self._corpora = corpora

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._corpora))})"

    def count(self, password: str) -> int:
        """How often the password was seen in leaks; 0 for never."""
        most, failed = 0, None
        for corpus in self._corpora:
            try:
                most = max(most, corpus.count(password))
            except Exception as error:  # noqa: BLE001 - a port of the platform may raise anything; it is raised again below
                failed = error
        if failed is not None and not most:
            raise failed
        return most


class AsyncAnyCorpus:
    """`AnyCorpus` for the async face."""

    def __init__(self, *corpora: AsyncBreachCorpus) -> None:
        _check(corpora, wants_async=True)
        self._corpora = corpora

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._corpora))})"

    async def count(self, password: str) -> int:
        """How often the password was seen in leaks; 0 for never."""
        most, failed = 0, None
        for corpus in self._corpora:
            try:
                most = max(most, await corpus.count(password))
            except Exception as error:  # noqa: BLE001 - a port of the platform may raise anything; it is raised again below
                failed = error
        if failed is not None and not most:
            raise failed
        return most


def _check(corpora: tuple[object, ...], *, wants_async: bool) -> None:
    if not corpora:
        raise ConfigError("There is no corpus to ask.", remedy="Give one at least.")
    for corpus in corpora:
        call = getattr(corpus, "count", None)
        named = corpus.__name__ if isinstance(corpus, type) else type(corpus).__name__
        # A list has a method count of its own, which would find no password ever.
        if isinstance(corpus, type | Sequence) or not callable(call):
            raise ConfigError(f"{named} is no corpus.", remedy="Give one, such as FileCorpus(path), not a list or a class.")
        if iscoroutinefunction(call) is not wants_async:
            form, other = ("blocking", "AnyCorpus") if wants_async else ("async", "AsyncAnyCorpus")
            raise ConfigError(f"{named} is the {form} form of a corpus.", remedy=f"Give its other form, or use {other}.")
