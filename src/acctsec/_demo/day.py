"""Act 2: one person's day, from a weak password to a new one, with a second factor and a forgotten password between."""

import base64
import hashlib
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from attrs import frozen

from acctsec import (
    Account,
    Context,
    EnrollmentStarted,
    FactorAdded,
    FactorRequired,
    Initial,
    MessagePurpose,
    PasswordAccepted,
    PasswordChanged,
    PasswordRejected,
    ProofAccepted,
    RecoveryCodes,
    Refused,
    ResetLink,
    ResetPending,
    ResetRequested,
    ResumeTicket,
    SessionEnded,
    SignedIn,
    TotpCode,
)
from acctsec._demo.stage import Stage, expect
from acctsec._demo.world import World
from acctsec.mfa import totp

SUBJECT = "ada"
MAIL = "ada@example.org"
OLD, NEW = "seven herons over the canal", "copper kettle, late november"
STEP = timedelta(seconds=totp.PERIOD)
HOME, OFFICE, TRAIN, MAIL_SCANNERS = (
    "192.0.2.7",
    "203.0.113.40",
    "2001:db8:51::9",
    ("192.0.2.200", "192.0.2.201", "2001:db8:77::1"),
)


@frozen
class Beat:
    """One moment of the day: what was done and what the engine answered. *good*: the answer Ada would want."""

    when: str
    what: str
    answer: str
    good: bool | None


@frozen(kw_only=True)
class Day:
    """The day as it went."""

    beats: tuple[Beat, ...]
    uri: str
    key: str
    mails: tuple[tuple[str, str], ...]


class Phone:
    """Ada's authenticator app."""

    def __init__(self, world: World, key: str) -> None:
        self._world = world
        self._secret = base64.b32decode(key.replace(" ", ""))

    def code(self) -> TotpCode:
        """The code it shows now."""
        return TotpCode(totp.code_at(self._secret, int(self._world.clock().timestamp()) // totp.PERIOD))

    def next(self) -> TotpCode:
        """The next code; the clock is moved, so nobody waits."""
        self._world.clock.wait(STEP)
        return self.code()

    def wrong(self) -> TotpCode:
        """A code of the right form that it does not show and did not show lately."""
        now = int(self._world.clock().timestamp()) // totp.PERIOD
        shown = {totp.code_at(self._secret, now + near) for near in range(-3, 4)}
        return TotpCode(
            next(
                code
                for code in ("000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777")
                if code not in shown
            )
        )


class AdasDay:
    """The act; each method is a part of the day."""

    def __init__(self, stage: Stage, world: World) -> None:
        self.stage = stage
        self.world = world
        self.engine = world.engine()
        self.account = world.people.add(
            Account(subject=SUBJECT, identifiers=(MAIL,), addresses=(MAIL,), words=("Ada", "Lovelace"))
        )
        self.beats: list[Beat] = []
        self.uri = self.key = ""

    def at(self, hour: int, minute: int) -> None:
        """Go on to a time of day."""
        self.world.clock.set(hour, minute)

    def tell(self, what: str, answer: str, *, good: bool | None = None) -> None:
        """Tell what was just done."""
        beat = Beat(f"{self.world.clock():%H:%M}", what, answer, good)
        self.beats.append(beat)
        self.stage.screen.beat(beat.when, what, answer, good=good)

    # --- morning ---

    def signs_up(self) -> None:
        """Two passwords that will not do, and one that will."""
        engine, home = self.engine, Context.of(HOME)
        for minute, typed in ((0, "lighthouse"), (1, "Ada.Lovelace-10121815")):
            self.at(8, minute)
            answer = expect(engine.set_password(SUBJECT, typed, by=Initial(), context=home), PasswordRejected)
            self.tell(f"Ada signs up with “{typed}”.", f"refused: {', '.join(one.code for one in answer.objections)}", good=False)
        self.at(8, 2)
        expect(engine.set_password(SUBJECT, OLD, by=Initial(), context=home), PasswordChanged)
        strength = expect(engine.check_password(OLD, account=self.account), PasswordAccepted).strength.guesses_log10
        self.tell(f"She takes a line of words: “{OLD}”.", f"accepted, good for 10^{strength:.0f} guesses", good=True)

    def enrolls(self) -> None:
        """A second factor: the picture, the code, the recovery codes."""
        engine, home = self.engine, Context.of(HOME)
        self.at(8, 3)
        first = expect(engine.sign_in(MAIL, OLD, context=home), SignedIn)
        self.tell("She signs in.", f"signed in at {first.info.level.name}", good=True)
        self.at(8, 4)
        started = expect(engine.enroll_totp(first.session, name="phone", context=home), EnrollmentStarted)
        self.uri, self.key = started.uri, self.world.secret("authenticator key", started.key)
        self.tell("She sets up an authenticator app from this picture. Its key is thrown away with the demo.", "")
        self.stage.screen.code(started.uri, started.key)
        self.phone = Phone(self.world, started.key)
        self.at(8, 5)
        code = self.phone.code()
        added = expect(engine.confirm_factor(started.ticket, code, context=home), FactorAdded)
        codes = expect(engine.issue_recovery_codes(added.session, context=home), RecoveryCodes)
        for one in codes.codes:
            self.world.secret("recovery code", one)
        self.session = codes.session
        answer = f"factor added, every other session ended, {len(codes.codes)} recovery codes shown once"
        self.tell(f"She types the code {code.code}.", answer, good=True)
        ended = engine.check_session(first.session, context=home)
        self.stage.claim(
            "The session from before the factor was added is dead; its replacement stands.", isinstance(ended, SessionEnded)
        )

    def goes_to_work(self) -> None:
        """Another browser: password, then code; the same code is good for nobody else."""
        engine, office, thief = self.engine, Context.of(OFFICE), Context.of("198.51.100.250")
        self.at(9, 30)
        due = expect(engine.sign_in(MAIL, OLD, context=office), FactorRequired)
        code = self.phone.code()
        level = expect(engine.verify_factor(due.ticket, code, context=office), SignedIn).info.level
        self.tell(f"At work, in another browser: password, then the code {code.code}.", f"signed in at {level.name}", good=True)
        stolen = expect(engine.sign_in(MAIL, OLD, context=thief), FactorRequired)
        again = engine.verify_factor(stolen.ticket, code, context=thief)
        self.tell(
            f"Somebody who knows her password saw the code, and types {code.code} within its 30 seconds.", "refused", good=True
        )
        self.stage.claim("A code that was accepted once is accepted nowhere again.", isinstance(again, Refused))

    # --- evening ---

    def forgets(self) -> None:
        """The same answer for her and for nobody; one mail."""
        engine, train = self.engine, Context.of(TRAIN)
        self.at(19, 0)
        known = expect(engine.request_reset(MAIL, context=train), ResetRequested)
        unknown = expect(engine.request_reset("nobody@example.org", context=train), ResetRequested)
        self.tell(
            f"Ada forgot it: a reset for {MAIL}, please. Somebody asks the same for nobody@example.org.", "one answer for both"
        )
        self.at(19, 1)
        self.world.deliver(engine)
        resets = [mail for mail in self.world.mailbox.of(SUBJECT) if mail.purpose is MessagePurpose.RESET]
        self.link = self.world.secret("reset link", self.world.mailbox.link(SUBJECT))
        self.tell("A worker delivers the outbox.", f"{len(resets)} mail, with a link that lies in no store", good=True)
        self.stage.claim(
            "Both got answers of one kind and one length; one mail went out, to the stored address.",
            len(known.handle) == len(unknown.handle) and [mail.address for mail in resets] == [MAIL],
        )

    def link_is_scanned(self) -> None:
        """Mail scanners open links; looking costs nothing."""
        before = contents(self.world.path)
        looks = [self.engine.inspect_reset(self.link, context=Context.of(address)) for address in MAIL_SCANNERS]
        self.tell(
            f"A mail scanner opens the link, {len(looks)} times from {len(set(MAIL_SCANNERS))} addresses.", "pending, each time"
        )
        self.stage.claim(
            "Opening the link wrote nothing: not one row of the store changed.",
            all(isinstance(look, ResetPending) for look in looks) and contents(self.world.path) == before,
        )

    def resets(self) -> None:
        """The factor is asked before anything changes; then the new password is judged."""
        engine, train = self.engine, Context.of(TRAIN)
        self.at(19, 3)
        before = contents(self.world.path)
        due = expect(engine.redeem_reset(ResetLink(self.link), NEW, context=train), FactorRequired)
        untouched = contents(self.world.path) == before
        self.tell(f"She opens it and types a new password: “{NEW}”.", "first the second factor")
        self.stage.claim("A factor guards the reset: it is asked before one row has changed.", untouched)
        wrong = expect(engine.verify_factor(due.ticket, self.phone.wrong(), context=train), Refused)
        self.tell("She mistypes the code.", type(wrong).__name__.lower(), good=False)
        proven = expect(engine.verify_factor(due.ticket, self.phone.next(), context=train), ProofAccepted)
        self.at(19, 4)
        reused = expect(engine.redeem_reset(ResumeTicket(proven.ticket), OLD, context=train), PasswordRejected)
        answer = f"refused: {reused.objections[0].code}; the reset stays alive"
        self.tell("The next code is right. Then she takes the old password after all.", answer, good=False)
        done = expect(engine.redeem_reset(ResumeTicket(proven.ticket), NEW, context=train), PasswordChanged)
        self.tell(f"So “{NEW}” it is.", "changed", good=True)
        self.device = done.device

    def what_is_left(self) -> None:
        """Nothing of before is good for anything."""
        engine, train = self.engine, Context.of(TRAIN)
        self.at(19, 6)
        link = engine.redeem_reset(ResetLink(self.link), "a third password, quite long", context=train)
        session = engine.check_session(self.session, context=Context.of(HOME))
        old = engine.sign_in(MAIL, OLD, context=Context.of(OFFICE))
        self.tell("The link once more; the session at home; the old password at work.", "refused; ended; refused", good=True)
        self.stage.claim(
            "After the reset the link, the sessions and the old password are dead.",
            isinstance(link, Refused) and isinstance(session, SessionEnded) and isinstance(old, Refused),
        )
        self.at(19, 7)
        due = engine.sign_in(MAIL, NEW, context=Context.of(TRAIN, device=self.device))
        self.tell("She signs in with the new password.", "the second factor is asked", good=None)
        self.stage.claim("A reset takes no factor away: it is asked at the next sign-in.", isinstance(due, FactorRequired))
        level = expect(
            engine.verify_factor(expect(due, FactorRequired).ticket, self.phone.next(), context=train), SignedIn
        ).info.level
        self.tell("She types the code.", f"signed in at {level.name}", good=True)


def play(stage: Stage, world: World) -> Day:
    """Let the day pass."""
    stage.open(
        "One person's day",
        "Ada signs up, protects her account, forgets her password and gets it back. The clock is moved by hand, so waiting for "
        "the next code takes no time; everything else is as in production.",
    )
    day = AdasDay(stage, world)
    world.secret("password", OLD), world.secret("password", NEW), world.secret("address", MAIL)
    for part in (day.signs_up, day.enrolls, day.goes_to_work, day.forgets, day.link_is_scanned, day.resets, day.what_is_left):
        part()
    world.deliver(day.engine)
    mails = world.mailbox.of(SUBJECT)
    kinds = [mail.purpose for mail in mails]
    stage.claim(
        f"Ada got {len(mails)} messages, each once: {', '.join(kind.value for kind in kinds)}.",
        sorted(kinds)
        == sorted(
            {
                MessagePurpose.FACTOR_ADDED,
                MessagePurpose.RECOVERY_CODES_ISSUED,
                MessagePurpose.RESET,
                MessagePurpose.PASSWORD_CHANGED,
            }
        ),
    )
    return Day(
        beats=tuple(day.beats), uri=day.uri, key=day.key, mails=tuple((f"{mail.at:%H:%M}", mail.purpose.value) for mail in mails)
    )


def contents(path: Path) -> str:
    """A digest of every row in the store's file, read beside the store."""
    digest = hashlib.sha256()
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        for table in tables:
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1"):  # noqa: S608 - a name SQLite told
                digest.update(repr((table, row)).encode())
    return digest.hexdigest()
