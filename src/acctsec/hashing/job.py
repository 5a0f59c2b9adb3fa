"""A piece of work that knows whether it began. Pure: who runs it, and where, is the governor's to say."""

from collections.abc import Callable, Hashable
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")


def _nobody() -> None:
    pass


def spent() -> NoReturn:
    """Stands in for the work of a job that is over, and holds no password."""
    raise AssertionError


class Job(Generic[T]):
    """
    One piece of work for a governor, for callers who must know whether it began.

    *key* says for whom it is done: jobs that wait are served in turn by their keys, so that whoever sends a thousand waits
    for himself. Those without one share a turn. The key is kept no longer than the job, compared and hashed, never shown.

    ``started`` is final once ``run`` or ``arun`` has returned or raised: False means that nothing was computed and
    never will be. A job runs once.
    """

    started: bool = False

    def __init__(self, work: Callable[[], T], *, key: Hashable = None) -> None:
        self._work = work
        self._key = key
        self._tell: Callable[[], object] = _nobody
        self._result: T
        self._error: BaseException | None = None

    def __call__(self) -> T:
        """Do the work here and now, for who has no governor."""
        self.started = True
        self._compute()
        return self._answer()

    def _compute(self) -> None:
        work, self._work = self._work, spent
        try:
            self._result = work()
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, the worker goes on
            self._error = error

    def _answer(self) -> T:
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # or the traceback keeps this frame, and with it the password, alive
        return self._result
