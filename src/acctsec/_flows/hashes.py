"""Stored hashes as the flows meet them: opened, compared, made, made anew. Each lies sealed, which is the pepper."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING
from unicodedata import normalize

from attrs import field, frozen

from acctsec import events
from acctsec._values import evolve
from acctsec.errors import Overloaded, PortError
from acctsec.hashing import Comparison, HashingPolicy
from acctsec.hashing.compact import packed, unpacked
from acctsec.hashing.job import Job
from acctsec.keyring import Keyring
from acctsec.password.preparation import AS_TYPED, PREPARATION
from acctsec.record import Record, Verifier
from acctsec.steps import Compared, NewVerifier, Scene

if TYPE_CHECKING:
    from acctsec._flows.ports import Ports
    from acctsec.events import Event

EVENLY = 2**64
MOVING = "moving"  # a key of jobs that no source has: who signs in is served between two of them


class NeverStarted(BaseException):
    """A hash was refused or cancelled before it began: nothing was compared. *reason* is what has to be raised on."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__()
        self.reason = reason


@frozen
class Password:
    """A password in its prepared form, and as it was typed: other systems hashed that."""

    text: str = field(repr=False)
    typed: str = field(repr=False)

    @property
    def as_prepared(self) -> bool:
        """Whether both are one."""
        text, typed = self.text, self.typed
        return text == typed


@frozen
class Comparing:
    """What a comparison came to, and the stored hash it was made with, where one could be opened."""

    compared: Compared
    phc: str | None = field(repr=False)


@frozen
class Decoy:
    """A sealed decoy, up to where it reaches, and whether it stands for hashes that other systems made."""

    end: float
    sealed: bytes
    foreign: bool


class Hashes:
    """Compares and makes stored hashes; the port ``hash`` has the governor do the work."""

    def __init__(
        self,
        policy: HashingPolicy,
        keyring: Keyring,
        *,
        ports: "Ports",
        draw: Callable[[int], bytes],
        observe: Callable[["Event"], None],
    ) -> None:
        self.policy = policy
        self.keyring = keyring
        self.ports = ports
        self.draw = draw
        self.observe = observe

    def opened(self, scene: Scene, verifier: Verifier | None) -> str | None:
        """The stored hash of a verifier, or None where it cannot be opened: its key is gone."""
        if verifier is None:
            return None
        plain = self.keyring.open("verifier", verifier.sealed, scene.tenant, scene.subject)
        phc = None if plain is None else unpacked(plain)
        if phc is None:
            self.observe(events.PortFailed(**scene.head(), port="keyring"))
        return phc

    async def compare(
        self, scene: Scene, record: Record, verifier: Verifier | None, password: Password, *, typed: bytes | str, admitted: bool
    ) -> Comparing:
        """
        Compare a password with a verifier of *record*; where there is none, or it is not *admitted*, only do the work.

        Which decoy stands for a missing verifier hangs on what was *typed* to name the subject, and stays the same for it. Raises
        NeverStarted when it did not come to that.
        """
        decoy = self._decoy(scene, typed)
        phc, policy = self.opened(scene, verifier), self.policy
        stored = self._opened(decoy.sealed) if phc is None else phc
        # A decoy that stands for hashes of what was typed takes what was typed: it can be longer, and take longer.
        as_typed = decoy.foreign if verifier is None or phc is None else verifier.preparation == AS_TYPED
        raw = password.typed if as_typed else password.text
        if phc is not None and admitted:
            job: Job[object] = Job(lambda: policy.verify(stored, raw), key=scene.source)
        else:
            job = Job(lambda: policy.spend(stored, raw), key=scene.source)
        try:
            comparison = await self.ports.hash(job)
        except BaseException as error:
            if job.started:
                raise
            raise NeverStarted(error) from error
        if comparison is Comparison.UNREADABLE:
            self.observe(events.PortFailed(**scene.head(), port="hashing"))
        # Some systems keep the hash of an empty text for accounts without a password, and some trim what is typed.
        proves = bool(password.text.strip() if as_typed else password.text)
        matched = admitted and phc is not None and comparison is Comparison.MATCHED and proves
        born = verifier.born if verifier and admitted else None
        return Comparing(Compared(record.incarnation, born, matched), phc if admitted else None)

    def spellings(self, verifier: Verifier, password: Password) -> tuple[Password, ...]:
        """A password in each spelling that a verifier may have been made of: another one of what was typed is still the same."""
        if verifier.preparation != AS_TYPED:
            return (password,)
        forms = dict.fromkeys((password.typed, password.text, normalize("NFD", password.text)))
        return tuple(Password(password.text, form) for form in forms)

    async def hashed(self, scene: Scene, password: Password) -> NewVerifier:
        """Hash and seal a new password."""
        policy, salt, text = self.policy, self.draw(self.policy.salt_bytes), password.text
        phc = await self.ports.hash(Job(lambda: policy.hash(text, salt=salt), key=scene.source))
        return self.sealed(scene, str(phc))

    async def wrapped(self, stored: str) -> str:
        """Hash a foreign hash again; see HashingPolicy.wrap."""
        policy, salt = self.policy, self.draw(self.policy.salt_bytes)
        return str(await self.ports.hash(Job(lambda: policy.wrap(stored, salt=salt), key=MOVING)))

    async def holds(self, held: str, stored: str) -> bool:
        """Whether a hash that is held is *stored*, bare or wrapped; see HashingPolicy.holds."""
        if not self.policy.wraps(stored):
            return self.policy.holds(held, stored)  # two texts, and nothing to compute
        return bool(await self.ports.hash(Job(lambda: self.policy.holds(held, stored), key=MOVING)))

    def sealed(self, scene: Scene, phc: str, *, preparation: int = PREPARATION, replaces: bytes | None = None) -> NewVerifier:
        """Seal a hash: the rotatable pepper. It opens only as the verifier of this subject."""
        sealed = self.keyring.seal("verifier", packed(phc), scene.tenant, scene.subject)
        return NewVerifier(sealed, preparation, replaces)

    async def renewed(self, scene: Scene, verifier: Verifier | None, phc: str | None, password: Password) -> NewVerifier | None:
        """
        A matched verifier made again: when the policy asks for a stronger hash, the keyring for a newer key, or when it was
        made of what was typed and not of the prepared form.
        """
        if verifier is None or phc is None:
            return None
        as_typed = verifier.preparation == AS_TYPED
        try:
            if self.policy.needs_rehash(phc) or (as_typed and not password.as_prepared):
                return evolve(await self.hashed(scene, password), replaces=verifier.sealed)
        except Overloaded:
            return None  # an upgrade never fails a correct sign-in
        except PortError:
            self.observe(events.PortFailed(**scene.head(), port="hashing"))
            return None
        if self.keyring.sealed_by_newest(verifier.sealed) and not as_typed:
            return None
        return self.sealed(scene, phc, replaces=verifier.sealed)

    # --- decoys: they lie sealed, so that they take as long to come by as a real hash ---

    def _decoy(self, scene: Scene, typed: bytes | str) -> Decoy:
        """
        The decoy for a name: of each scheme as many as there are accounts with it.

        Drawn under the oldest index key, so that a key that comes in deals nobody anew while nodes take it up one by one.
        """
        decoys = self._decoys
        if len(decoys) == 1:
            return decoys[0]
        drawn = self.keyring.digest("population", scene.tenant, typed, key=self.keyring.index_count - 1)[:8]
        place = int.from_bytes(drawn, "big") / EVENLY
        return next((one for one in decoys if place < one.end), decoys[-1])

    def _opened(self, sealed: bytes) -> str:
        plain = self.keyring.open("decoy", sealed)
        return (plain and unpacked(plain)) or self.policy.decoy()

    @cached_property
    def _decoys(self) -> tuple[Decoy, ...]:
        seal, own = self.keyring.seal, self.policy.decoy()
        return tuple(Decoy(end, seal("decoy", packed(decoy)), decoy != own) for end, decoy in self.policy.decoys)
