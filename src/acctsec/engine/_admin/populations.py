"""What an operator does to everybody: import, rewrap, survey."""

from datetime import datetime

from acctsec.engine._face import Face, on_both_faces
from acctsec.outcomes import Imported, ImportFactorOutcome, NotImported, Rewrapped, Surveyed, TryAgain


class PopulationActs(Face):
    """What an operator does to everybody: import, rewrap, survey."""

    @on_both_faces
    async def import_verifier(
        self,
        subject: str,
        stored: str,
        *,
        actor: str,
        tenant: str = "",
        changed_at: datetime | None = None,
        wrap: bool = False,
        prepared: bool = False,
        dry_run: bool = False,
    ) -> Imported | NotImported | TryAgain:
        """
        Take a hash that another system made over as the password of a subject that has none, sealed as any other.

        *stored* is the text as it lay there, *changed_at* when that password was set (None: now). *wrap*: a foreign hash is kept
        inside an Argon2id hash. *prepared*: the other system was acctsec too, and hashed the prepared form; others hashed what
        was typed. Imported *again*: it is this very hash that the subject has. A password that is there is never replaced.
        NotImported names the reason; a hash that the policy's hashing does not compute would be right for nobody. With *dry_run*
        nothing is written. Raises ConfigError for a hash that is to be wrapped and is of a format that cannot be.
        """
        return await self._flows.moving.import_verifier(
            subject, stored, actor=actor, tenant=tenant, changed_at=changed_at, wrap=wrap, prepared=prepared, dry_run=dry_run
        )

    @on_both_faces
    async def import_factor(
        self,
        subject: str,
        otpauth: str,
        *,
        actor: str,
        name: str = "",
        tell: bool = True,
        tenant: str = "",
        dry_run: bool = False,
    ) -> ImportFactorOutcome:
        """
        Make a token, or the authenticator that a subject had in another system, its second factor, by its otpauth URI.

        For a subject that has none: NotImported where there is another, FactorImported *again* where it is this very one. No code
        of before is good. *tell*: every address is told; leave that out for a move of everybody that was announced. TokenRejected
        names what is wrong with the URI. With *dry_run* nothing is written. Raises ConfigError for a kind the policy has not.
        """
        return await self._flows.authenticators.import_factor(
            subject, otpauth, actor=actor, name=name, tell=tell, tenant=tenant, dry_run=dry_run
        )

    @on_both_faces
    async def rewrap(self, after: bytes = b"", *, limit: int = 100, wrap: bool = False, dry_run: bool = False) -> Rewrapped:
        """
        Seal what lies in a page of records under the newest key, and go on with what it answers as *after*; ``b""`` begins.

        For after a new sealing key was put in front, on every node: no password, no authenticator and no sheet of codes needs
        its owner for it, and sessions stay. *wrap*: foreign hashes are hashed again
        too, inside Argon2id. A record that changes meanwhile is never overwritten. With *dry_run* it only counts.
        """
        return await self._flows.moving.rewrap(after, limit=limit, wrap=wrap, dry_run=dry_run)

    @on_both_faces
    async def survey(self, after: bytes = b"", *, limit: int = 100) -> Surveyed:
        """
        Count the passwords on a page of records that were accepted under other rules than those of today; ``b""`` begins.

        For after rules were tightened; and for before, by an engine with the policy that is to come: it counts who lacks a factor
        as well. Nothing is written; the directory is asked once for each record.
        """
        return await self._flows.survey.survey(after, limit=limit)
