"""The kinds of people an outsider might tell from nobody, and how each comes into a world."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from attrs import evolve, field, frozen

from acctsec._values import evolve as evolved
from acctsec.budgets import Rungs
from acctsec.claims import Admin, Initial
from acctsec.hashing import HashingPolicy
from acctsec.outcomes import ChangeKind, EnrollmentRequired, FactorAdded, Imported, PasswordChanged, SignedIn
from acctsec.protocols import Account, Status
from acctsec.record import Change, Record
from acctsec.steps import Done, Step
from acctsec.testing.doubles import Authenticator
from acctsec.testing.world import World

DOMAIN = "@example.org"
DAY = timedelta(days=1)


def subject_of(identifier: str) -> str:
    """The subject of an account that is made for a check, or would be."""
    return identifier.removesuffix(DOMAIN)


@frozen(kw_only=True)
class Place:
    """Where an account of some kind is to be made: *subject* answers to *identifier*, and *password* opens it."""

    world: World[Any]
    subject: str
    identifier: str
    password: str = field(repr=False)

    def account(self, **fields: Any) -> Account:
        """Put the account into the user table, reachable under its identifier unless *fields* say otherwise."""
        fields.setdefault("addresses", (self.identifier,))
        account = Account(subject=self.subject, identifiers=(self.identifier,), **fields)
        self.world.directory.put(account)
        return account

    def sign_up(self, **fields: Any) -> Account:
        """Put the account into the user table and set its first password."""
        account = self.account(**fields)
        changed = self.world.calls.set_password(self.subject, self.password, by=Initial(), context=self.world.context())
        assert isinstance(changed, PasswordChanged), f"The policy refuses the password of the check, give another: {changed}"
        return account


@frozen(kw_only=True)
class Kind:
    """
    A kind of account that has to look like nobody's. *name* completes "an account that ...".

    *make* brings one into a world. *shut*: not even its right password gets anybody in. *siege* is how many wrong passwords
    strangers have tried before, at nobody as well; the last of them just now.
    """

    name: str
    make: Callable[[Place], object]
    shut: bool = False
    siege: int = 0


def _disabled(place: Place) -> None:
    place.world.directory.put(evolve(place.sign_up(), status=Status.DISABLED))


def _stopped_by_administrator(place: Place) -> None:
    place.sign_up()
    place.world.calls.admin.disable(place.subject, actor="kit")


def _has_to_change(place: Place) -> None:
    place.sign_up()
    place.world.calls.admin.require_password_change(place.subject, actor="kit")


def _set_by_administrator(place: Place) -> None:
    """Under another policy for as long as it takes, where this one lets no administrator know a password any more."""
    place.account()
    w, policy = place.world, place.world.policy
    before = {name: getattr(w, name) for name in ("policy", "comparisons", "engine", "calls")}
    w.restart(evolve(policy, reset=evolve(policy.reset, passwords_by_administrators=True)))
    set_ = w.calls.set_password(place.subject, place.password, by=Admin("kit"), context=w.context())
    assert isinstance(set_, PasswordChanged), set_
    for name, one in before.items():  # the very engine that is checked
        setattr(w, name, one)


def _with_factor(place: Place) -> None:
    place.sign_up()
    w = place.world
    begun = w.calls.sign_in(place.identifier, place.password, context=w.context())
    assert isinstance(begun, SignedIn | EnrollmentRequired), begun
    token = begun.session if isinstance(begun, SignedIn) else begun.ticket
    app = Authenticator(w.calls.enroll_totp(token, name="phone", context=w.context()))  # type: ignore[arg-type]
    added = w.calls.confirm_factor(app.ticket, app.code(w.clock()), context=w.context())
    assert isinstance(added, FactorAdded), added


def _with_reset(place: Place) -> None:
    place.sign_up()
    place.world.calls.request_reset(place.identifier, context=place.world.context())
    place.world.deliver()


def _ambiguous(place: Place) -> None:
    place.sign_up()
    place.world.directory.put(Account(subject=f"{place.subject}-too", identifiers=(place.identifier.upper(),)))


def _erased(place: Place) -> None:
    place.sign_up()
    place.world.calls.admin.erase(place.subject, actor="kit")


def _gone(place: Place) -> None:
    _erased(place)
    place.world.directory.remove(place.subject)


def _rewritten(place: Place, change: Callable[[Record], Record]) -> None:
    """Somebody with a password, and a record as other operations leave it: which those are hangs on the policy of recovery."""
    place.sign_up()
    world, core = place.world, place.world.engine._flows.core  # noqa: SLF001 - no operation does this under every policy

    async def rewrite() -> Step:
        scene, loaded = await core.enter("", place.subject)
        step: Step = await core.apply(scene, loaded, lambda record: Step(Done(), change(record)))
        return step

    done = world._run(rewrite())  # noqa: SLF001 - the kit's own
    assert isinstance(done.verdict, Done), done


def _contested(place: Place) -> None:
    since = place.world.clock() - DAY
    _rewritten(place, lambda record: record.contested(since=since, proofs=("link",)))


def _recovering(place: Place) -> None:
    now = place.world.clock()
    change = Change(
        id=bytes(16), kind=ChangeKind.PASSWORD.value, proofs=("link",), asked=now, until=now + DAY, expires=now + 2 * DAY
    )
    _rewritten(place, lambda record: evolved(record, changes=(change,)))


KINDS: Sequence[Kind] = (
    Kind(name="has a password", make=Place.sign_up),
    Kind(name="has no password", make=Place.account),
    Kind(name="has neither a password nor a verified address", make=lambda place: place.account(addresses=())),
    Kind(name="has a password and no verified address", make=lambda place: place.sign_up(addresses=())),
    Kind(name="is disabled by the platform", make=_disabled, shut=True),
    Kind(name="is disabled by an administrator", make=_stopped_by_administrator, shut=True),
    Kind(name="is reached by texts", make=lambda place: place.sign_up(addresses=("+15550100",))),
    Kind(name="has a second factor", make=_with_factor),
    Kind(name="has to change its password", make=_has_to_change),
    Kind(name="has a password that an administrator set", make=_set_by_administrator),
    Kind(name="has a live reset", make=_with_reset),
    Kind(name="has a recovery that waits", make=_recovering),
    Kind(name="is contested by a veto", make=_contested, shut=True),
    Kind(name="shares its name with another", make=_ambiguous, shut=True),
    Kind(name="was erased here and is still in the user table", make=_erased, shut=True),
    Kind(name="was erased", make=_gone, shut=True),
)
"""The kinds that every platform has."""


def besieged(strangers: Rungs) -> tuple[Kind, ...]:
    """Kinds whose strangers' lane rests, or has stopped: not even the right password gets through."""
    resting = strangers.free + 2
    stopped = strangers.stop + resting  # the last ones come too quickly to count
    return (
        Kind(name="was guessed at until it rests", make=Place.sign_up, shut=True, siege=resting),
        Kind(name="was guessed at until it stopped", make=Place.sign_up, shut=True, siege=stopped),
        Kind(name="has a factor and was guessed at until it stopped", make=_with_factor, shut=True, siege=stopped),
    )


def of_hash(name: str, stored: str) -> Kind:
    """An account that another system hashed the password of."""

    def make(place: Place) -> None:
        place.account()
        taken = place.world.calls.admin.import_verifier(place.subject, stored, actor="kit")
        assert isinstance(taken, Imported), f"The policy does not read a hash of {name}: {taken}"

    return Kind(name=f"has a hash of {name}", make=make)


def foreign_decoys(hashing: HashingPolicy) -> dict[str, str]:
    """A stored hash of each foreign format that some account has, by its name."""
    return {one.name: one.decoy() for one in hashing.foreign if one.share}
