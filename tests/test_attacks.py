"""Attacks that once worked against this very library, each found by a reviewer who tried to break it."""

import itertools

import pytest
from attrs import evolve

from acctsec import (
    ConfigError,
    FactorRequired,
    Keyring,
    LockoutPolicy,
    MfaPolicy,
    PasswordChanged,
    PasswordPolicy,
    Policy,
    ProofAccepted,
    Refused,
    ResetPending,
    SignedIn,
)
from acctsec.budgets import Rungs
from acctsec.claims import (
    Admin,
    CurrentPassword,
    FreshSession,
    Initial,
    RecoveryCode,
    ResetCode,
    ResetLink,
    ResumeTicket,
    TotpCode,
)
from acctsec.errors import StoreError
from acctsec.events import GuessesCounted, GuessingStopped
from acctsec.hashing import Argon2Parameters
from acctsec.meters import MAX_METERS
from acctsec.protocols import Account, Message, MessagePurpose
from acctsec.testing import world
from acctsec.testing.world import IDENTIFIER, PASSWORD

NEW = "another long passphrase 9"


@pytest.fixture
def w():
    w = world()
    w.sign_up("u1", IDENTIFIER)
    return w


@pytest.fixture
def guarded(w):
    """A subject with an authenticator and recovery codes."""
    w.app, session = w.enroll(w.sign_in().session)
    issued = w.engine.issue_recovery_codes(session, context=w.context())
    w.codes, w.session = issued.codes, issued.session
    return w


def address(number):
    return f"10.{number // 65536 % 256}.{number // 256 % 256}.{number % 256}"


def ticket(w, number=0):
    outcome = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(address(number)))
    assert isinstance(outcome, FactorRequired), outcome
    return outcome.ticket


def failures(w, lane):
    return next(status.failures for status in w.engine.admin.lock_status("u1") if status.lane == lane)


def test_a_wrong_totp_code_is_a_new_guess_in_every_step(guarded):
    """Nine wrong codes were repeated for free until one of them came up."""
    w = guarded
    for round_ in range(60):
        for n in range(4):
            w.engine.verify_factor(ticket(w, round_), w.app.wrong(w.clock(), n), context=w.context(address(1000 + round_)))
        w.clock.advance(hours=1)
    status = next(one for one in w.engine.admin.lock_status("u1") if one.lane == "factor/strangers")
    assert status.stopped
    assert status.failures == LockoutPolicy().strangers.stop
    w.deliver()
    assert len(w.sink.of(GuessingStopped)) == 1


def test_a_raised_generation_ends_tokens_and_nothing_that_is_stored(guarded):
    """It used to destroy every verifier and factor, which is what an operator did who followed our own advice."""
    w = guarded
    keyring = w.keyring
    higher = Keyring(sealing=keyring._sealing, index=[bytes(range(32))], generation=1)
    higher._index = keyring._index
    w.restart(keyring=higher)
    assert type(w.engine.check_session(w.session, context=w.context())).__name__ == "SessionEnded"
    w.clock.advance(seconds=30)
    outcome = w.engine.verify_factor(ticket(w), w.app.code(w.clock()), context=w.context())
    assert isinstance(outcome, SignedIn)


def test_a_source_past_its_own_budget_cannot_use_up_an_owners_requests(w):
    for n in range(10):
        w.engine.request_reset(f"x{n}@example.org", context=w.context("198.51.100.9"))
    for _ in range(5):
        w.engine.request_reset(IDENTIFIER, context=w.context("198.51.100.9"))
    w.engine.request_reset(IDENTIFIER, context=w.context("192.0.2.77"))
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.RESET)) == 1


def test_strangers_cannot_close_the_factors_of_an_owner_through_resets(guarded):
    """Junk recovery codes at a reset once stopped the second factor for good."""
    w = guarded
    handle = w.engine.request_reset(IDENTIFIER, context=w.context("198.51.100.9")).handle
    for n in range(200):
        w.engine.redeem_reset(RecoveryCode(f"{n:04d}-0000-0000-0000", handle), NEW, context=w.context(address(n)))
        if n % 20 == 19:
            w.clock.advance(minutes=2)
    assert failures(w, "factor/strangers") == 0
    assert isinstance(w.engine.verify_factor(ticket(w), w.app.code(w.clock()), context=w.context()), SignedIn)


def test_a_stopped_factor_does_not_close_the_mailed_link(guarded):
    """The hard stop ends what strangers do; the owner, who has the mailbox and the phone, still comes back."""
    w = guarded
    for n in range(120):
        w.engine.verify_factor(ticket(w, n), w.app.wrong(w.clock(), n % 5), context=w.context(address(2000 + n)))
        w.clock.advance(hours=1)
    assert isinstance(w.engine.verify_factor(ticket(w), w.app.code(w.clock()), context=w.context()), Refused)
    due = w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    proof = w.engine.verify_factor(due.ticket, w.app.code(w.clock()), context=w.context())
    assert isinstance(proof, ProofAccepted)
    assert isinstance(w.engine.redeem_reset(ResumeTicket(proof.ticket), NEW, context=w.context()), PasswordChanged)
    w.clock.advance(seconds=30)
    outcome = w.engine.sign_in(IDENTIFIER, NEW, context=w.context())
    assert isinstance(w.engine.verify_factor(outcome.ticket, w.app.code(w.clock()), context=w.context()), SignedIn)


def test_a_dead_ticket_charges_nothing(guarded):
    w = guarded
    old = ticket(w)
    w.clock.advance(days=3)
    for n in range(4):
        assert isinstance(w.engine.verify_factor(old, w.app.wrong(w.clock(), n), context=w.context()), Refused)
    assert failures(w, "factor/strangers") == 0


def test_one_reset_code_guess_is_one_guess_at_each_live_code(w):
    """The same wrong code against another handle was a repeat, and so for free."""
    handles = [w.engine.request_reset(IDENTIFIER, context=w.context(address(n))).handle for n in range(3)]
    w.deliver()
    before = len(w.messenger.of(MessagePurpose.RESET))
    assert before == 3
    for n, handle in enumerate(itertools.islice(itertools.cycle(handles), 12)):
        w.engine.redeem_reset(ResetCode(handle, "00000000"), NEW, context=w.context(address(n)))
    right = w.messenger.of(MessagePurpose.RESET)[0].code
    free = LockoutPolicy().codes.free
    for n in range(free):
        w.engine.redeem_reset(ResetCode(handles[n % 3], f"{n + 1:08d}"), NEW, context=w.context(address(50 + n)))
    assert isinstance(w.engine.redeem_reset(ResetCode(handles[0], right), NEW, context=w.context(address(99))), Refused)


class Interrupting:
    """A store that lets something else happen between a load and the commit that follows it."""

    def __init__(self, store):
        self._store = store
        self.meanwhile = None
        for name in ("load", "drain", "ack", "scan", "charge", "settle", "read"):
            setattr(self, name, getattr(store, name))

    def commit(self, *args):
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        return self._store.commit(*args)


def test_a_password_compared_before_an_erasure_opens_nothing_after_it(w):
    """Both first passwords were born at epoch 1, and the retried step took one for the other."""
    other = w.engine
    w.store = Interrupting(w.store)
    w.restart()

    def reborn():
        other.admin.erase("u1", actor="root")
        other.set_password("u1", NEW, by=Initial(), context=w.context())

    w.store.meanwhile = reborn
    outcome = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    assert isinstance(outcome, Refused), outcome
    assert isinstance(w.engine.sign_in(IDENTIFIER, NEW, context=w.context()), SignedIn)


def test_nobody_uses_up_the_reuse_budget_of_a_mailed_link(w):
    """Somebody who knew the password changed it ten times, and the owner's link had to wait for a day."""
    passwords = [PASSWORD, *(f"{n} {NEW}" for n in range(12))]
    for old, new in itertools.pairwise(passwords):
        assert isinstance(
            w.engine.set_password("u1", new, by=CurrentPassword(old), context=w.context("198.51.100.1")), PasswordChanged
        )
    changed = w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    assert isinstance(changed, PasswordChanged)


def deliver_without_ack(w):
    """Everything is handed on, and then the store does not hear of it: it comes again."""
    ack, w.store.ack = w.store.ack, lambda ids: (_ for _ in ()).throw(StoreError("gone", remedy="wait"))
    w.restart()
    with pytest.raises(StoreError):
        w.engine.deliver()
    w.store.ack = ack
    w.restart()


def test_a_reset_handed_out_again_is_the_same_message_with_the_same_link(w):
    """It was another link under the same key: a messenger that sends once a key sent the dead one."""
    w.engine.request_reset(IDENTIFIER, context=w.context())
    deliver_without_ack(w)
    w.clock.advance(minutes=5)
    w.deliver()
    resets = [message for message in w.messenger.handed if message.purpose is MessagePurpose.RESET]
    assert len(resets) == 2
    assert len({(message.key, message.code) for message in resets}) == 1
    for message in resets:
        assert isinstance(w.engine.inspect_reset(message.link, context=w.context()), ResetPending)
    assert isinstance(w.engine.redeem_reset(ResetLink(resets[0].link), NEW, context=w.context()), PasswordChanged)
    assert isinstance(w.engine.inspect_reset(resets[1].link, context=w.context()), Refused)


def test_a_request_handed_out_again_after_its_redemption_makes_nothing_live(w):
    w.engine.request_reset(IDENTIFIER, context=w.context())
    deliver_without_ack(w)
    assert isinstance(w.engine.redeem_reset(ResetLink(w.messenger.link), NEW, context=w.context()), PasswordChanged)
    w.clock.advance(minutes=5)
    w.deliver()
    assert w.engine.admin.export("u1").live_resets == ()
    assert isinstance(w.engine.redeem_reset(ResetLink(w.messenger.link), PASSWORD, context=w.context()), Refused)


@pytest.mark.parametrize("before", [9, 49])
def test_a_right_password_at_a_rung_costs_its_owner_nothing(guarded, before):
    """The tenth attempt was written down before it was compared, and then counted though it was right."""
    w = guarded
    for n in range(before):
        w.engine.sign_in(IDENTIFIER, f"wrong {n} {PASSWORD}", context=w.context(address(n)))
        w.clock.advance(minutes=31)
    for n in range(3):
        ticket(w, 900 + n)
    assert failures(w, "password/strangers") == before
    w.deliver()
    assert not w.sink.of(GuessingStopped)
    assert not w.messenger.of(MessagePurpose.GUESSING_STOPPED)


def test_keys_rotate_without_taking_factors_along(guarded):
    """Only verifiers were sealed anew: with the old key gone the factor could not be proven, and still guarded the account."""
    w = guarded
    new, index = bytes(range(100, 132)), bytes(range(200, 232))
    w.restart(keyring=_ring(w, [new, *w.keyring._sealing], index))
    assert isinstance(w.engine.verify_factor(ticket(w), w.app.code(w.clock()), context=w.context()), SignedIn)
    w.restart(keyring=_ring(w, [new], index))
    w.clock.advance(seconds=30)
    assert isinstance(w.engine.verify_factor(ticket(w), w.app.code(w.clock()), context=w.context()), SignedIn)
    assert isinstance(w.engine.verify_factor(ticket(w), RecoveryCode(w.codes[2]), context=w.context()), SignedIn)


def _ring(w, sealing, index):
    ring = Keyring(sealing=sealing, index=[index], entropy=w.entropy)
    ring._index = w.keyring._index
    return ring


def test_an_account_without_a_record_costs_what_an_unknown_one_costs(w):
    """It committed at every attempt from the tenth on, and so gave itself away."""
    w.directory.put(Account(subject="u9", identifiers=("federated@example.org",)))
    counts = []
    for name in ("federated@example.org", "nobody@example.org"):
        commits, commit = [], type(w.store).commit
        store = w.store
        store.commit = lambda *args, commit=commit, store=store, commits=commits: (commits.append(1), commit(store, *args))[1]
        w.restart()
        counts.append([])
        for n in range(14):
            before = len(commits)
            w.engine.sign_in(name, f"wrong {n} {PASSWORD}", context=w.context(address(n)))
            counts[-1].append(len(commits) - before)
            w.clock.advance(minutes=31)
    assert counts[0] == counts[1]
    assert sum(counts[0]) <= 3


def test_no_row_outgrows_its_bound_and_other_peoples_accounts_evict_nothing(w):
    """Pair meters were named by raw digests; one in 256 looked like a meter that is never evicted."""
    source = w.context("198.51.100.9")
    for n in range(5):
        w.engine.sign_in(IDENTIFIER, f"wrong {n} {PASSWORD}", context=source)
    waiting = w.engine.sign_in(IDENTIFIER, "wrong again " + PASSWORD, context=source)
    assert waiting.retry_after is not None
    for n in range(MAX_METERS + 10):
        w.sign_up(f"own{n}", f"own{n}@example.net")
        assert isinstance(w.engine.sign_in(f"own{n}@example.net", PASSWORD, context=source), SignedIn)
    assert w.engine.sign_in(IDENTIFIER, "wrong again " + PASSWORD, context=source).retry_after is not None
    assert max(len(row) for row in _rows(w.store)) <= MAX_METERS + 2


def _rows(store):
    return [getattr(row, "meters", row) for row in store._rows.values()]


def test_a_disabled_account_tells_nobody_that_the_password_was_right(w):
    w.engine.admin.disable("u1", actor="root")
    answers = []
    for n, password in enumerate((PASSWORD, "wrong " + PASSWORD)):
        context = w.context(f"203.0.113.{n}")
        by = [CurrentPassword(f"{number}" * (number != 7) + password) for number in range(8)]
        answers.append([w.engine.set_password("u1", NEW, by=one, context=context) for one in by])
        answers[-1] += [w.engine.sign_in(IDENTIFIER, password + " " * n, context=context) for _ in range(2)]
    assert answers[0] == answers[1]


def test_a_rehash_that_is_due_does_not_tell_a_disabled_account_apart(w):
    w.engine.admin.disable("u1", actor="root")
    stronger = evolve(w.policy.hashing, memory_kib=16, floor=(Argon2Parameters(8, 1, 1),))
    w.restart(evolve(w.policy, hashing=stronger))
    work = []
    w.engine._flows.core.ports.hash = _counted(w.engine._flows.core.ports.hash, work)
    for password in (PASSWORD, "wrong " + PASSWORD):
        assert isinstance(w.engine.sign_in(IDENTIFIER, password, context=w.context()), Refused)
    assert len(work) == 2


def _counted(port, work):
    def counted(job):
        work.append(job)
        return port(job)

    return counted


def test_a_lone_text_is_no_set_of_names():
    """``"staff"`` became the letters s, t, a, f, and nobody was in the group."""
    for wrong in (
        lambda: MfaPolicy(required_groups="staff"),
        lambda: Account(subject="u", groups="staff"),
        lambda: Account(subject="u", addresses="bob@example.org"),
        lambda: Account(subject="u", identifiers="bob"),
    ):
        with pytest.raises(ConfigError, match="lone text"):
            wrong()


def test_policies_that_stop_nobody_are_refused():
    from datetime import timedelta as t

    rungs = LockoutPolicy()
    quick = Rungs(free=5, first=t(seconds=1), longest=t(seconds=1), stop=10, window=t(minutes=15))
    for wrong in (
        lambda: LockoutPolicy(month=evolve(rungs.month, stop=10**9)),
        lambda: LockoutPolicy(lease=t(days=999)),
        lambda: LockoutPolicy(patience=t(hours=9), lease=t(hours=10)),
        lambda: Policy(lockout=LockoutPolicy(codes=quick), reset=evolve(Policy().reset, code_digits=6)),
        lambda: Policy(lockout=LockoutPolicy(codes=quick), reset=evolve(Policy().reset, code_digits=10)),  # an app's have six
        lambda: PasswordPolicy(rules=()),
    ):
        with pytest.raises(ConfigError):
            wrong()


def test_an_identifier_that_grows_when_encoded_is_nobodys():
    typed = "a" * 60 + "@" + "é." * 60 + "com"
    w = world()
    w.engine.request_reset(typed, context=w.context())
    assert isinstance(w.engine.sign_in(typed, PASSWORD, context=w.context()), Refused)


def test_an_old_session_ends_nobody_elses(w):
    session = w.sign_in().session
    w.clock.advance(days=13)
    outcome = w.engine.sign_out_everywhere("u1", by=FreshSession(session), context=w.context())
    assert isinstance(outcome, Refused)


@pytest.mark.parametrize(
    "actor", ["", None, 7, "x" * 65, "\ud800", "a\nb"], ids=["empty", "none", "number", "long", "surrogate", "lines"]
)
def test_an_administrator_without_a_printable_name_is_nobody(actor):
    with pytest.raises(ConfigError, match="actor"):
        Admin(actor)


def test_the_message_says_when_the_code_ends(w):
    w.reset_link()
    message: Message = w.messenger.of(MessagePurpose.RESET)[0]
    assert message.code_expires < message.expires
    w.clock.now = message.code_expires
    handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    assert isinstance(w.engine.redeem_reset(ResetCode(handle, message.code), NEW, context=w.context()), Refused)


def test_index_keys_rotate_without_a_refill(w):
    """For guesses and requests alike: old and new names are charged together."""
    first, second = bytes(range(32)), bytes(range(100, 132))
    seal = [bytes(range(50, 82))]
    w.restart(keyring=Keyring(sealing=seal, index=[first], entropy=w.entropy))
    for n in range(5):
        w.engine.sign_in("nobody@example.org", f"wrong {n} {PASSWORD}", context=w.context())
    for _ in range(3):
        w.engine.request_reset(IDENTIFIER, context=w.context())
    w.restart(keyring=Keyring(sealing=seal, index=[second, first], entropy=w.entropy))
    assert w.engine.sign_in("nobody@example.org", "wrong " + PASSWORD, context=w.context()).retry_after is not None
    w.engine.request_reset(IDENTIFIER, context=w.context("203.0.113.88"))
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.RESET)) == 3


def test_what_is_counted_is_said_once(w):
    """Every tenth failure is one event, however many attempts come and go around it."""
    for n in range(25):
        w.engine.sign_in(IDENTIFIER, f"wrong {n} {PASSWORD}", context=w.context(address(n)))
        w.clock.advance(minutes=31)
    w.deliver()
    counted = [(event.lane, event.count) for event in w.sink.of(GuessesCounted)]
    assert counted == [(lane, count) for count in (10, 20) for lane in ("password/month", "password/strangers")]


def test_a_totp_code_is_no_recovery_code_and_the_other_way_round(guarded):
    w = guarded
    code = w.app.code(w.clock()).code
    assert isinstance(w.engine.verify_factor(ticket(w), RecoveryCode(code), context=w.context()), Refused)
    assert isinstance(w.engine.verify_factor(ticket(w), TotpCode(w.codes[0]), context=w.context()), Refused)


# --- found by the second reviewer -------------------------------------------------------------------------------------


def exhausted(w, source="198.51.100.66"):
    """A source that has used up its hour of guesses and its hour of requests."""
    context = w.context(source)
    for n in range(LockoutPolicy().source.free):
        w.engine.sign_in(f"x{n}@example.org", "wrong " + PASSWORD, context=context)
    for n in range(Policy().reset.per_source.limit):
        w.engine.request_reset(f"x{n}@example.org", context=context)
    return context


def test_a_source_past_its_budget_takes_no_room_of_anybody(w):
    """Its calls reserved room in the victim's rows until they were settled; cancelled ones became failures."""
    context = exhausted(w)
    rows = set(w.store._rows)
    w.store.settle = lambda *args: None  # every settlement is lost, as when the caller goes away
    w.restart()
    for n in range(60):
        assert w.engine.sign_in(IDENTIFIER, f"wrong {n} {PASSWORD}", context=context).retry_after is not None
        w.engine.request_reset(IDENTIFIER, context=context)
    w.clock.advance(minutes=1)
    assert failures(w, "password/strangers") == 0
    assert set(w.store._rows) == rows
    w.engine.request_reset(IDENTIFIER, context=w.context("192.0.2.200"))
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.RESET)) == 1


@pytest.mark.parametrize("happens", ["nothing", "change", "unlock", "everywhere", "disable", "platform", "no account"])
def test_what_a_source_is_told_to_wait_tells_nothing_of_the_account(happens):
    """A repeat was free until the owner changed anything, and then it counted: the wait told the stranger."""
    w = world()
    if happens != "no account":
        w.sign_up("u1", IDENTIFIER)
    context = w.context("198.51.100.9")
    for n in range(5):
        w.engine.sign_in(IDENTIFIER, f"wrong {n} {PASSWORD}", context=context)
    w.clock.advance(seconds=31)
    told = [w.engine.sign_in(IDENTIFIER, f"wrong 4 {PASSWORD}", context=context)]
    acts = {
        "change": lambda: w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context()),
        "unlock": lambda: w.engine.admin.unlock("u1", actor="root"),
        "everywhere": lambda: w.engine.sign_out_everywhere("u1", by=Admin("root"), context=w.context()),
        "disable": lambda: w.engine.admin.disable("u1", actor="root"),
        "platform": lambda: w.directory.change("u1", status="disabled"),
    }
    acts.get(happens, lambda: None)()
    told += [w.engine.sign_in(IDENTIFIER, f"wrong 4 {PASSWORD}", context=context) for _ in range(3)]
    assert told == [Refused()] * 4


def test_rapid_changes_do_not_lock_the_mailed_link():
    w = world()
    w.restart(evolve(w.policy, password=evolve(w.policy.password, history=1)))
    w.sign_up("u1", IDENTIFIER)
    passwords = [PASSWORD, *(f"{n} {NEW}" for n in range(25))]
    for old, new in itertools.pairwise(passwords):
        w.engine.set_password("u1", new, by=CurrentPassword(old), context=w.context("198.51.100.1"))
    outcome = w.engine.redeem_reset(ResetLink(w.reset_link()), "quiet owner passphrase 77", context=w.context())
    assert isinstance(outcome, PasswordChanged)


@pytest.mark.parametrize("act", ["everywhere", "enrol", "disable and enable", "change"])
def test_a_dead_link_stays_dead_when_its_request_comes_again(w, act):
    w.engine.request_reset(IDENTIFIER, context=w.context())
    deliver_without_ack(w)
    link = w.messenger.link
    if act == "enrol":
        w.enroll(w.sign_in().session)
    elif act == "everywhere":
        w.engine.sign_out_everywhere("u1", by=Admin("root"), context=w.context())
    elif act == "change":
        w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())
    else:
        w.engine.admin.disable("u1", actor="root")
        w.engine.admin.enable("u1", actor="root")
    w.clock.advance(minutes=5)
    w.deliver()
    assert isinstance(w.engine.inspect_reset(link, context=w.context()), Refused)


def test_an_owner_with_a_second_mailbox_is_not_starved_through_the_first():
    w = world()
    w.sign_up("u1", "ada", addresses=("old@example.org", "ada@example.org"))
    for n in range(3):
        w.engine.request_reset("ada", context=w.context(address(n)))
    w.deliver()
    w.clock.advance(minutes=31)  # their links are over, their messages still count
    for n in range(2):
        w.engine.request_reset("ada", context=w.context(address(10 + n)))
    w.deliver()
    w.engine.request_reset("ada@example.org", context=w.context("192.0.2.9"))
    w.deliver()
    assert w.messenger.of(MessagePurpose.RESET)[-1].address == "ada@example.org"


def test_guessing_the_factor_behind_a_stolen_mail_is_told_to_its_owner(guarded):
    w = guarded
    due = w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    stop = LockoutPolicy().codes.stop
    for n in range(stop):
        w.engine.verify_factor(due.ticket, w.app.wrong(w.clock(), n), context=w.context(address(n)))
        w.clock.advance(minutes=16)
        w.deliver()
        due = w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.GUESSING_STOPPED)) == 1


def test_a_policy_that_would_break_a_sign_in_is_refused_at_construction():
    from datetime import timedelta

    def days(count):
        return timedelta(days=count)

    for wrong in (
        lambda: LockoutPolicy(remember=180),
        lambda: LockoutPolicy(remember=days(10**6)),
        lambda: LockoutPolicy(remember=days(-1)),
        lambda: LockoutPolicy(patience=days(-1)),
        lambda: LockoutPolicy(month=None),
        lambda: evolve(Policy().sessions, absolute=days(10**6)),
        lambda: evolve(Policy().sessions, idle=5),
        lambda: evolve(Policy().reset, resume_lifetime=5),
        lambda: evolve(Policy().reset, per_source=None),
        lambda: MfaPolicy(window=5),
        lambda: MfaPolicy(issuer=""),
        lambda: Policy(reset=None),
        lambda: Policy(name=7),
    ):
        with pytest.raises(ConfigError):
            wrong()


def test_nobody_keeps_an_owner_from_his_recovery_codes(guarded):
    w = guarded
    handle = w.engine.request_reset(IDENTIFIER, context=w.context("198.51.100.9")).handle
    for n in range(30):
        w.engine.redeem_reset(RecoveryCode(f"{n:04d}-0000-0000-0000", handle), NEW, context=w.context(address(n)))
    mine = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    outcome = w.engine.redeem_reset(RecoveryCode(w.codes[0], mine), NEW, context=w.context())
    assert isinstance(outcome, FactorRequired)


def test_a_device_has_no_reset_codes_of_its_own_to_guess(w):
    device = w.sign_in().device
    handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    w.deliver()
    free = LockoutPolicy().codes.free
    for n in range(free):
        w.engine.redeem_reset(ResetCode(handle, f"{n:08d}"), NEW, context=w.context(address(n)))
    right = w.messenger.of(MessagePurpose.RESET)[0].code
    outcome = w.engine.redeem_reset(ResetCode(handle, right), NEW, context=w.context(device=device))
    assert isinstance(outcome, Refused)


def test_two_recovery_codes_are_one_kind_of_proof(guarded):
    """Each was appended to the ticket, which at last was too long to seal."""
    w = guarded
    handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    due = w.engine.redeem_reset(RecoveryCode(w.codes[0], handle), NEW, context=w.context())
    for code in w.codes[1:4]:
        proof = w.engine.verify_factor(due.ticket, RecoveryCode(code), context=w.context())
        assert isinstance(proof, ProofAccepted)
        due = w.engine.redeem_reset(ResumeTicket(proof.ticket), NEW, context=w.context())
        assert isinstance(due, FactorRequired)
