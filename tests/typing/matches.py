"""
Read by the type checkers, never run: answers are closed, so a forgotten case is an error.

An ignored complaint is a demand: each checker objects to an ignore that nothing needed.
"""

from typing import assert_never, assert_type

from acctsec import AsyncEngine, Context, Engine
from acctsec.claims import UnlockFactor, UnlockLink, UnlockProof
from acctsec.outcomes import (
    AddressTaken,
    AddressVerified,
    LockOpened,
    PasswordAccepted,
    PasswordRejected,
    Refused,
    SignInOutcome,
    TryAgain,
    UnlockOutcome,
    VerifyAddressOutcome,
    Waiting,
)
from acctsec.protocols import Applied, AsyncOutboxStore, DirectoryChange, OutboxStore, Taken, WritableDirectory
from acctsec.stores import (
    AsyncMemoryStore,
    AsyncPostgresStore,
    AsyncSplitStore,
    AsyncSqliteStore,
    AsyncValkeyStore,
    MemoryStore,
    PostgresStore,
    SplitStore,
    SqliteStore,
    ValkeyStore,
)
from acctsec.testing import MemoryDirectory


def complete(outcome: PasswordAccepted | PasswordRejected) -> float:
    """Every case is there: nothing to complain of."""
    match outcome:
        case PasswordAccepted(strength=strength):
            return strength.guesses_log10
        case PasswordRejected(objections=objections):
            return float(len(objections))
        case never:
            assert_never(never)


def opened(outcome: UnlockOutcome) -> str:
    """So is what opens a lane."""
    match outcome:
        case LockOpened():
            return "sign in"
        case Refused() | TryAgain():
            return "reset"
        case never:
            assert_never(never)


def proof(proof: UnlockProof) -> str:
    """And what it is opened with."""
    match proof:
        case UnlockLink(token=token):
            return token
        case UnlockFactor(identifier=identifier):
            return identifier
        case never:
            assert_never(never)


def verified(outcome: VerifyAddressOutcome) -> str:
    """And what becomes of a new address."""
    match outcome:
        case AddressVerified(purged=purged):
            return "reset" if purged else "settings"
        case AddressTaken() | Refused():
            return "no"
        case Waiting() | TryAgain():
            return "later"
        case never:
            assert_never(never)


def follows(directory: MemoryDirectory, change: DirectoryChange) -> str:
    """A directory of the kit can be written to."""
    writable: WritableDirectory = directory
    match writable.apply(change):
        case Applied():
            return "done"
        case Taken():
            return "no"
        case never:
            assert_never(never)


def incomplete(outcome: PasswordAccepted | PasswordRejected) -> None:
    """A case is missing."""
    match outcome:  # type: ignore[exhaustive-match]  # pyright: ignore[reportMatchNotExhaustive]
        case PasswordAccepted():
            return


def taken_for_a_boolean(outcome: PasswordAccepted | PasswordRejected) -> str:
    """No outcome is falsy, so asking for its truth is always a mistake."""
    return "yes" if outcome else "no"  # type: ignore[truthy-bool]


def shows(store: MemoryStore | SqliteStore | PostgresStore | ValkeyStore | SplitStore) -> OutboxStore:
    """Each of our stores lets operators look into its outbox."""
    return store


def shows_async(
    store: AsyncMemoryStore | AsyncSqliteStore | AsyncPostgresStore | AsyncValkeyStore | AsyncSplitStore,
) -> AsyncOutboxStore:
    """In its async form too."""
    return store


def answered(engine: Engine, context: Context) -> None:
    """The blocking face answers at once, and takes what the operation takes."""
    assert_type(engine.sign_in("ann", "seven quiet otters 418", context=context), SignInOutcome)
    engine.sign_in("ann", context=context)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def awaited(engine: AsyncEngine, context: Context) -> None:
    """The same operation is awaited on the other face."""
    assert_type(await engine.sign_in("ann", "seven quiet otters 418", context=context), SignInOutcome)
    await engine.admin.unlock("ann", actor=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
