"""The command ``import``: take the password hashes of a user table over, after a look at what is in it."""

import argparse
import hashlib
import os
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from attrs import define, field

from acctsec import _ports
from acctsec._checkpoint import Checkpoint
from acctsec._demo.screen import choose
from acctsec._migration.runs import Progress, drive, settled
from acctsec._migration.tables import Format, Row, TableError, rows
from acctsec.engine import AsyncEngine, Engine
from acctsec.errors import AcctsecError, ConfigError, RecordError
from acctsec.outcomes import Imported, NotImported, Rewrapped, TryAgain
from acctsec.protocols import check_names

EVERY = 100  # rows between two checkpoints: what is done again after a kill is found to be done
TRIES = 5
YEAR = timedelta(days=365)
AGES = (("under a year", YEAR), ("1 to 2 years", 2 * YEAR), ("2 to 5 years", 5 * YEAR))
OLDEST, UNKNOWN = "older", "unknown"


def describe(commands: Any, *, epilog: str) -> None:
    """Add what can be typed to the subcommands of a parser."""
    given = commands.add_parser("import", help="take the password hashes of a user table over", epilog=epilog)
    given.add_argument("table", type=Path, metavar="TABLE", help="CSV with a header, or one JSON object a line; UTF-8")
    given.add_argument("--engine", required=True, metavar="MODULE:NAME", help="your engine, or a function that makes it")
    given.add_argument("--apply", action="store_true", help="import; without it the table is only looked at")
    given.add_argument("--format", choices=[one.value for one in Format], help="where the name of the table does not say it")
    given.add_argument("--delimiter", default=",", metavar="CHARACTER", help="between the fields of CSV (default: a comma)")
    given.add_argument("--subject", default="id", metavar="COLUMN", help="what your directory calls a subject (default: id)")
    given.add_argument("--hash", default="password_hash", metavar="COLUMN", help="the stored hash (default: password_hash)")
    given.add_argument("--tenant", metavar="COLUMN", help="the tenant, where there are several")
    given.add_argument("--changed-at", metavar="COLUMN", help="when the password was set: ISO 8601, or seconds since 1970")
    given.add_argument("--wrap", action="store_true", help="keep foreign hashes inside an Argon2id hash")
    given.add_argument("--prepared", action="store_true", help="the table is of another acctsec, which hashed the prepared form")
    given.add_argument("--actor", default="acctsec import", metavar="NAME", help="who does it, as the events will say")
    given.add_argument("--restart", action="store_true", help="begin anew where a run was interrupted")


def run(given: argparse.Namespace) -> int:
    """Do what was typed and answer the exit code."""
    return drive(given.engine, lambda engine: _run(given, engine))


async def _run(given: argparse.Namespace, engine: Engine | AsyncEngine) -> int:
    try:
        work = await Import.of(given, engine)
    except (AcctsecError, OSError) as error:
        print(f"acctsec: {error}", file=sys.stderr)
        return 2
    try:
        await work.carry_out()
    except (AcctsecError, OSError) as error:
        if isinstance(error, TableError) and not error.row:
            print(f"acctsec: {error}", file=sys.stderr)
            return 2
        print(f"acctsec: stopped behind row {work.count.row}: {error}", file=sys.stderr)
        if work.applies:
            print("acctsec: all rows up to there are done. Run the same again to go on.", file=sys.stderr)
        work.report()
        return 1
    work.report()
    return 1 if work.count.reasons or work.is_empty else 0


@define
class Count:
    """What became of the rows up to *row*, which ends at the byte *end*; the file of rejects has *rejects* bytes by then."""

    row: int = 0
    end: int = 0
    rejects: int = 0
    done: int = 0
    again: int = 0
    empty: int = 0
    reasons: Counter[str] = field(factory=Counter)
    found: dict[str, Counter[str]] = field(factory=dict)  # by scheme, by age


@define
class Import:
    """One run over one table."""

    engine: Engine | AsyncEngine
    path: Path
    form: Format
    delimiter: str
    columns: dict[str, str]
    actor: str
    applies: bool
    wrap: bool
    prepared: bool
    count: Count
    checkpoint: Checkpoint
    about: dict[str, Any]  # what a checkpoint has to be of

    @classmethod
    async def of(cls, given: argparse.Namespace, engine: Engine | AsyncEngine) -> "Import":
        """What was typed, and where an earlier run of the same was interrupted. Raises ConfigError for what cannot be."""
        form = Format(given.format) if given.format else Format.of(given.table)
        if form is None:
            raise ConfigError(f"What {given.table.name} is cannot be told from its name.", remedy="Give --format.")
        if len(given.delimiter) != 1 or not given.delimiter.isascii() or given.delimiter in '"\r\n':
            raise ConfigError("The delimiter is not one ASCII character.", remedy="Give one, such as ; or a tab.")
        named = {"subject": given.subject, "hash": given.hash, "tenant": given.tenant, "changed_at": given.changed_at}
        columns = {what: column for what, column in named.items() if column}
        with given.table.open("rb") as table:
            digest = hashlib.file_digest(table, "sha256").hexdigest()
        # A checkpoint is of one deployment: in another, nothing of what it says is done.
        ring: Rewrapped = await settled(engine.admin.rewrap(limit=1, dry_run=True))
        keys = [key for key, _ in ring.secrets]
        about = {
            "table": digest,
            "form": form.value,
            "delimiter": given.delimiter,
            "columns": columns,
            "keys": keys,
            "kept": [given.wrap, given.prepared],
        }
        checkpoint = Checkpoint(given.table.with_name(f"{given.table.name}.checkpoint.json"))
        count = Count()
        if given.apply and given.restart:
            checkpoint.remove()
        elif given.apply:
            count = _resumed(checkpoint, about) or count
        return cls(
            engine=engine,
            path=given.table,
            form=form,
            delimiter=given.delimiter,
            columns=columns,
            actor=given.actor,
            applies=given.apply,
            wrap=given.wrap,
            prepared=given.prepared,
            count=count,
            checkpoint=checkpoint,
            about=about,
        )

    @property
    def rejects(self) -> Path:
        """Where the rows are listed that were not taken."""
        return self.path.with_name(f"{self.path.name}.rejects.csv")

    @property
    def is_empty(self) -> bool:
        """Whether there are rows, and not one of them has a hash: the column is another one."""
        return self.count.row == self.count.empty > 0

    async def carry_out(self) -> None:
        """Go over the table, from where the run before came to."""
        count, progress = self.count, Progress(sys.stderr)
        size = max(self.path.stat().st_size, 1)
        descriptor = os.open(self.rejects, os.O_RDWR | os.O_CREAT, 0o600)
        with self.path.open("rb") as table, os.fdopen(descriptor, "r+b") as rejects:
            rejects.truncate(count.rejects)
            rejects.seek(0, os.SEEK_END)
            if not count.rejects:
                rejects.write(b"row,reason\r\n")
            read = rows(
                table, tuple(self.columns.values()), form=self.form, delimiter=self.delimiter, end=count.end, number=count.row
            )
            try:
                for row in read:
                    await self._take(row, rejects)
                    count.row, count.end = row.number, row.end
                    if row.number % EVERY == 0:
                        self._save(rejects)
                        progress.show(row.number, f"{row.number:,} rows, {100 * row.end // size} %")
            finally:
                progress.end()
                self._save(rejects)
        if self.applies:
            self.checkpoint.remove()

    def report(self) -> None:
        """Say what was found and what became of it."""
        count, screen = self.count, choose(sys.stdout)
        verb = "imported" if self.applies else "can be imported"
        screen.say(
            f"{count.row:,} rows: {count.done:,} {verb}, {count.again:,} were imported before, {count.empty:,} have no hash, "
            f"{sum(count.reasons.values()):,} rejected."
        )
        if count.found:
            ages = [*[name for name, _ in AGES], OLDEST, UNKNOWN]
            table = [(scheme, *[f"{of[age]:,}" for age in ages]) for scheme, of in sorted(count.found.items())]
            screen.table(("scheme", *ages), table, right=tuple(range(1, len(ages) + 1)))
        if count.reasons:
            screen.table(("rejected", "rows"), [(why, f"{n:,}") for why, n in count.reasons.most_common()], right=(1,))
            screen.say(f"Row by row in {self.rejects}.")
        if self.is_empty:
            screen.say(f"Is {self.columns['hash']!r} the column of the hashes? Name it with --hash.")
        if not self.applies:
            screen.say("Nothing was written. Give --apply to import.")

    async def _take(self, row: Row, rejects: IO[bytes]) -> None:
        """Import one row, or say why not."""
        values = {what: row.values.get(column) for what, column in self.columns.items()}
        subject, stored, tenant = values["subject"], values["hash"], values.get("tenant") or ""
        problem = row.problem
        changed_at = None
        if not problem:
            problem, changed_at = _wrong(subject, tenant, values.get("changed_at"))
        if problem:
            self._reject(row.number, problem, rejects)
        elif subject is not None and stored is None:
            self.count.empty += 1
        elif subject is not None and stored is not None:
            answer = await self._ask(subject, stored, tenant, changed_at)
            if isinstance(answer, Imported):
                self.count.done += not answer.again
                self.count.again += answer.again
                self.count.found.setdefault(answer.scheme, Counter())[_age(changed_at)] += 1
            else:
                self._reject(row.number, answer, rejects)

    async def _ask(self, subject: str, stored: str, tenant: str, changed_at: datetime | None) -> Imported | str:
        for _ in range(TRIES):
            try:
                answer: Imported | NotImported | TryAgain = await settled(
                    self.engine.admin.import_verifier(
                        subject,
                        stored,
                        actor=self.actor,
                        tenant=tenant,
                        changed_at=changed_at,
                        wrap=self.wrap,
                        prepared=self.prepared,
                        dry_run=not self.applies,
                    )
                )
            except RecordError:
                return "the record of the subject cannot be read"
            if isinstance(answer, NotImported):
                return answer.objection.value
            if isinstance(answer, Imported):
                return answer
            _ports.pause(answer.retry_after.total_seconds())
        return "others kept changing the record of the subject"

    def _reject(self, row: int, reason: str, rejects: IO[bytes]) -> None:
        self.count.reasons[reason] += 1
        rejects.write(f"{row},{reason!s}\r\n".encode() if "," not in reason else f'{row},"{reason}"\r\n'.encode())

    def _save(self, rejects: IO[bytes]) -> None:
        rejects.flush()
        self.count.rejects = rejects.tell()
        if not self.applies:
            return
        os.fsync(rejects.fileno())
        count = self.count
        self.checkpoint.write(
            {
                "about": self.about,
                "row": count.row,
                "end": count.end,
                "rejects": count.rejects,
                "done": count.done,
                "again": count.again,
                "empty": count.empty,
                "reasons": count.reasons,
                "found": count.found,
            }
        )


def _resumed(checkpoint: Checkpoint, about: dict[str, Any]) -> Count | None:
    """What an interrupted run over the same had done."""
    state = checkpoint.read()
    if state is None:
        return None
    try:
        return _as_before(state, about, checkpoint.path)
    except ConfigError:  # another table, other options
        raise
    except (AttributeError, KeyError, TypeError, ValueError):
        message = f"{checkpoint.path} does not say where an import is."
        raise ConfigError(message, remedy="Give --restart to begin anew; what is imported already is found to be.") from None


def _as_before(state: dict[str, Any], about: dict[str, Any], path: Path) -> Count:
    before = state.pop("about")
    same = {name: value for name, value in about.items() if name != "keys"}
    if {name: value for name, value in before.items() if name != "keys"} != same or not {*before["keys"]} & {*about["keys"]}:
        raise ConfigError(
            f"{path} is of another table, of other options or of another deployment.",
            remedy="Give --restart to begin anew; what is imported already is found to be.",
        )
    state.pop("format")
    found = {scheme: Counter(ages) for scheme, ages in state.pop("found").items()}
    return Count(reasons=Counter(state.pop("reasons")), found=found, **state)


def _wrong(subject: str | None, tenant: str, changed_at: str | None) -> tuple[str | None, datetime | None]:
    """What is wrong with a row besides its hash, or since when its password is."""
    if subject is None:
        return "no subject", None
    try:
        check_names(tenant=tenant, subject=subject)
    except ConfigError:
        return "the subject or tenant is longer than 64 bytes", None
    if changed_at is None:
        return None, None
    try:
        if changed_at.lstrip("-").replace(".", "", 1).isdecimal():
            return None, datetime.fromtimestamp(float(changed_at), UTC)
        instant = datetime.fromisoformat(changed_at)
        return None, instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return "the instant of the change cannot be read", None


def _age(changed_at: datetime | None) -> str:
    if changed_at is None:
        return UNKNOWN
    age = _ports.clock() - changed_at
    return next((name for name, most in AGES if age < most), OLDEST)
