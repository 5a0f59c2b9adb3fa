"""P6, P7, R1: a forgotten password, from asking to redeeming; what a forged token costs, and a recovery that waits."""

import base64
import os
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from pathlib import Path

from attrs import evolve
from tests.bench import peers, raw, world
from tests.bench.table import BENCH, Row, si
from tests.bench.timing import Pace, Prepared, Timed, interleaved

from acctsec import Context, PasswordChanged, RecoveryPolicy, Refused, ResetLink, SqliteStore, Vetoed, Waiting
from acctsec.recovery import Delays

PASSWORDS = ("the first of two new passwords", "the second of two new passwords")


class Forgetful:
    """An engine whose people forget their passwords, a few each round."""

    def __init__(self, store, users, *, rules=None) -> None:
        self.people = len(users.accounts)
        self.store, self.keys = store, world.keyring()
        world.adopt(store, self.keys, world.policy(), self.people)
        self.mailbox = world.Mailbox()
        self.engine = world.engine(store, users, rules=rules, keys=self.keys, mailbox=self.mailbox)
        self.contexts = world.sources()
        self.round = count()

    def request(self, person: int):
        """Ask for a reset."""
        context = next(self.contexts)
        return lambda: self.engine.request_reset(world.name(person), context=context)

    def requests(self):
        """Everybody asks, of an empty outbox."""
        self.deliver_all()
        return [self.request(person) for person in range(self.people)]

    def deliveries(self):
        """One is asked for and delivered at a time."""
        self.deliver_all()
        for person in range(self.people):
            self.request(person)()
        return [lambda: self.engine.deliver(1) for _ in range(self.people)]

    def redemptions(self):
        """Everybody has a fresh link."""
        self.deliver_all()
        for person in range(self.people):
            self.request(person)()
        self.deliver_all()
        password = PASSWORDS[next(self.round) % 2]
        return [self._redemption(person, password) for person in range(self.people)]

    def _redemption(self, person: int, password: str):
        link, context = ResetLink(self.mailbox.latest[world.name(person)].link), next(self.contexts)

        def redeem() -> None:
            outcome = self.engine.redeem_reset(link, password, context=context)
            assert isinstance(outcome, PasswordChanged), outcome

        return redeem

    def deliver_all(self) -> None:
        """Empty the outbox."""
        while self.engine.deliver(1000).left:
            pass


class Careful(Forgetful):
    """The same people under a policy that lets every recovery wait a day."""

    def __init__(self, store, users) -> None:
        wait = RecoveryPolicy(delays=Delays(new_device=timedelta(days=1)))
        super().__init__(store, users, rules=evolve(world.policy(), recovery=wait))

    def beginnings(self):
        """Everybody has a fresh link, and an account in which nothing waits."""
        self.begin_anew()
        self.deliver_all()
        for person in range(self.people):
            self.request(person)()
        self.deliver_all()
        return [self._beginning(person) for person in range(self.people)]

    def _beginning(self, person: int):
        link, context = ResetLink(self.mailbox.latest[world.name(person)].link), next(self.contexts)

        def begin() -> None:
            outcome = self.engine.redeem_reset(link, PASSWORDS[0], context=context)
            assert isinstance(outcome, Waiting), outcome

        return begin

    def vetoes(self):
        """Something waits everywhere, and everybody was told."""
        for begin in self.beginnings():
            begin()
        self.deliver_all()
        return [self._veto(person) for person in range(self.people)]

    def _veto(self, person: int):
        token, context = self.mailbox.latest[world.name(person)].veto, next(self.contexts)

        def stop() -> None:
            outcome = self.engine.veto(token, context=context)
            assert isinstance(outcome, Vetoed), outcome

        return stop

    def begin_anew(self) -> None:
        """Accounts that were never contested."""
        for person in range(self.people):
            self.engine.admin.erase(world.account(person).subject, actor="bench")
        world.adopt(self.store, self.keys, world.policy(), self.people)


@BENCH.row("R1")
def waiting(pace: Pace):
    """A recovery that waits and one that is vetoed, beside Django's redemption: no peer has either."""
    people = pace.of(6, 2)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(world.folder()))
        stores = [world.without_flushes(stack.enter_context(SqliteStore(folder / name))) for name in ("at once", "later")]
        at_once = Forgetful(stores[0], world.SqlUsers(folder / "users", people))
        later = Careful(stores[1], world.SqlUsers(folder / "users2", people))
        alternatives = {
            "redeem": Prepared(at_once.redemptions),
            "begin": Prepared(later.beginnings),
            "veto": Prepared(later.vetoes),
        }
        django = peers.django()
        if django:
            alternatives["django"] = django_resets(django, people)["django redeem"]
        timed = interleaved(pace, alternatives)
    for what, name in (("begun, every address told", "begin"), ("vetoed", "veto"), ("made at once", "redeem")):
        yield Row(
            id="R1",
            what=f"a recovery {what} ÷ Django's redemption, SQLite beside the durable flush",
            ours=si(timed.seconds(name)),
            peer=si(timed.seconds("django")) if django else "not installed",
            ratio=f"{timed.ratio(name, 'django'):.2f}" if django else "-",
            figure=timed.ratio(name, "django") if django else None,
        )


@BENCH.row("P6")
def reset(pace: Pace):
    """Asking, delivering and redeeming, beside Django's tokens; without a hash, and without an estimate of strength."""
    people = pace.of(6, 2)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(world.folder()))
        quick = world.without_flushes(stack.enter_context(SqliteStore(folder / "quick")))
        durable = world.settled(stack.enter_context(SqliteStore(folder / "durable")))
        beside = Forgetful(quick, world.SqlUsers(folder / "users", people))
        whole = Forgetful(durable, world.SqlUsers(folder / "users2", people))
        flush = raw.swap(folder / "raw", record=os.urandom(900), entry=os.urandom(650))
        alternatives = {
            "flush": Prepared(lambda: [flush] * people),
            "issue": Prepared(beside.requests),
            "deliver": Prepared(beside.deliveries),
            "redeem": Prepared(beside.redemptions),
            "issue FULL": Prepared(whole.requests),
            "deliver FULL": Prepared(whole.deliveries),
            "redeem FULL": Prepared(whole.redemptions),
        }
        django = peers.django()
        if django:
            alternatives |= django_resets(django, people)
        timed = interleaved(pace, alternatives)
    yield from rows(timed, "SQLite beside the durable flush", "one FULL transaction, SQLite", peer=bool(django))


def rows(timed: Timed, where: str, flush: str, *, peer: bool):
    """What was measured, on whichever store."""
    both = timed.of(lambda one: one["issue"] + one["deliver"])
    issued = timed.of(lambda one: (one["issue"] + one["deliver"]) / one["django issue"]) if peer else 0
    for what, seconds, name, ratio, theirs in (
        ("asked for, while the caller waits", timed.seconds("issue"), "issue", None, "django issue"),
        ("asked for, issued and mailed", both, "issue", issued, "django issue"),
        ("redeemed", timed.seconds("redeem"), "redeem", None, "django redeem"),
    ):
        share = (ratio or timed.ratio(name, theirs)) if peer else 0
        yield Row(
            id="P6",
            what=f"reset {what} ÷ Django's, {where}",
            ours=si(seconds),
            peer=si(timed.seconds(theirs)) if peer else "not installed",
            ratio=f"{share:.2f}" if peer else "-",
            figure=share,
            goal="≤ 0.5",
            met=share <= 0.5 if peer else None,
        )
    for what, name in (
        ("asked for, while the caller waits", "issue FULL"),
        ("issued and mailed", "deliver FULL"),
        ("redeemed", "redeem FULL"),
    ):
        ratio = timed.ratio(name, "flush")
        yield Row(
            id="P6",
            what=f"reset {what} ÷ {flush}",
            ours=si(timed.seconds(name)),
            floor=si(timed.seconds("flush")),
            ratio=f"{ratio:.2f}",
            figure=ratio,
            goal="≤ 1.3",
            met=ratio <= 1.3,
        )


def django_resets(django, times: int):
    """Issuing and redeeming a token, each with the row of its user."""
    from django.contrib.auth.tokens import PasswordResetTokenGenerator

    users, tokens = django.users.objects, PasswordResetTokenGenerator()
    alice = users.get(username="alice")

    def issue() -> None:
        for user in users.filter(email__iexact="alice@example.org", is_active=True):
            tokens.make_token(user)

    def redeem() -> None:
        user = users.get(pk=alice.pk)
        assert tokens.check_token(user, fresh.pop())
        user.set_password("right")
        user.save()

    fresh: list[str] = []

    def prepare():
        fresh.append(tokens.make_token(users.get(pk=alice.pk)))
        return [redeem]

    return {"django issue": Prepared(lambda: [issue] * times), "django redeem": Prepared(prepare)}


class Untouched:
    """A store that nobody may touch."""

    def __getattr__(self, method: str):
        def refuse(*args, **kwargs):
            raise AssertionError(method)

        return refuse


@BENCH.row("P7")
def forged(pace: Pace):
    """A reset link that is none, refused before any store is read."""
    keys = world.keyring()
    engine = world.engine(Untouched(), world.Users(0), keys=keys)
    real = _link(keys)
    context = Context.of("192.0.2.7")
    tampered = real[:-1] + ("A" if real[-1] != "A" else "B")
    forgeries = {
        "malformed": "not a link",
        "random": base64.urlsafe_b64encode(os.urandom(len(real) // 4 * 3)).decode(),
        "tampered": tampered,
    }
    alternatives = {kind: _refused(engine, token, context) for kind, token in forgeries.items()}
    secret, text = os.urandom(32), os.urandom(255)
    alternatives["floor"] = lambda: _digest(secret, text)
    django = peers.django()
    if django:
        alternatives["django"] = _django_refusal(django)
    timed = interleaved(pace, alternatives)
    for kind in forgeries:
        seconds = timed.seconds(kind)
        yield Row(
            id="P7",
            what=f"{kind} reset link refused, no store call",
            ours=si(seconds),
            floor=si(timed.seconds("floor")),
            peer=si(timed.seconds("django")) if django else "not installed",
            ratio=f"{timed.ratio(kind, 'django'):.3f}" if django else "-",
            figure=seconds,
            goal="≤ 10 µs",
            met=seconds <= 10e-6,
        )


def _refused(engine, token: str, context: Context):
    link = ResetLink(token)
    assert isinstance(engine.redeem_reset(link, "a new password", context=context), Refused)
    return lambda: engine.redeem_reset(link, "a new password", context=context)


def _link(keys) -> str:
    from acctsec._flows.tokens import Purpose, Tokens
    from acctsec.claims import LinkClaims

    claims = LinkClaims(tenant="", subject="subject", incarnation=bytes(16), secret=bytes(32))
    return Tokens(keys).seal(Purpose.LINK, claims)


def _digest(secret: bytes, text: bytes) -> bytes:
    import hmac

    return hmac.digest(secret, text, "sha256")


def _django_refusal(django):
    from django.contrib.auth.tokens import PasswordResetTokenGenerator

    users, tokens = django.users.objects, PasswordResetTokenGenerator()
    alice = users.get(username="alice")
    token = tokens.make_token(alice)[:-1] + "!"

    def refuse() -> None:
        assert not tokens.check_token(users.get(pk=alice.pk), token)

    return refuse
