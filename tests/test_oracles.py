"""assert_no_oracle: the library passes under many policies, and every oracle that is planted is found and named."""

from collections import Counter
from datetime import timedelta
from itertools import count
from random import Random

import pytest
from attrs import evolve, frozen
from tests.places import STORES

from acctsec import CHEAPEST, SOCIAL_DEFAULT, LockoutPolicy, MfaPolicy, Refused
from acctsec._codec import decode_record
from acctsec._flows import core
from acctsec._flows.guesses import Guess
from acctsec._flows.hashes import Comparing, Hashes
from acctsec.errors import Overloaded
from acctsec.hashing import HashingPolicy
from acctsec.hashing.foreign import Argon2, Bcrypt
from acctsec.lockout import Outage
from acctsec.protocols import Account, Status
from acctsec.recovery import RecoveryPolicy
from acctsec.steps import Compared
from acctsec.testing import OracleFound, assert_no_oracle, async_world, engine_operations, world
from acctsec.testing._costs import surprise
from acctsec.testing._troubles import CALM
from acctsec.testing._watched import Watch
from acctsec.testing.oracles import KINDS, Kind

SALT = bytes(range(16))
OLD = CHEAPEST.hashing.hash("anything", salt=SALT)
DEARER = evolve(CHEAPEST.hashing, time_cost=2)
NEW = DEARER.hash("anything", salt=SALT)


def hashed_by(hashing, **families):
    """CHEAPEST with that hashing."""
    return evolve(CHEAPEST, hashing=hashing, **families)


def foreign(*formats):
    return hashed_by(evolve(CHEAPEST.hashing, foreign=formats))


POLICIES = {
    "foreign hashes": foreign(Bcrypt(cost=4, share=0.6)),
    "a factor for everybody": evolve(CHEAPEST, mfa=MfaPolicy(required=True)),
    "counting alone in an outage": evolve(CHEAPEST, lockout=LockoutPolicy(on_outage=Outage.LOCAL)),
}


def asking_ports(w):
    """All but what judges a password by the rules: that asks no port, whichever face or store there is, and takes the longest."""
    return {name: call for name, call in engine_operations(w).items() if name != "check_password"}


def guesses_of_recovery(w):
    """Signing in, and all that a recovery can begin with."""
    return {name: call for name, call in engine_operations(w).items() if name.startswith(("sign_in", "re"))}


def sign_in_alone(w):
    """The operation that most can go wrong with, where all would take longer and show no more."""
    return {"sign_in": engine_operations(w)["sign_in"]}


# --- the library -------------------------------------------------------------------------------------------------------


class Borrowed:
    """A handle that stays open for the tests that come later."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        if name == "close":
            raise AttributeError(name)
        return getattr(self._store, name)


@pytest.mark.deep
@pytest.mark.parametrize("name", POLICIES)
def test_no_policy_lets_an_outsider_tell_somebody_from_nobody(name):
    assert_no_oracle(lambda: world(policy=POLICIES[name]))


@pytest.mark.parametrize("name", [one for one in POLICIES if one != "counting alone in an outage"])
def test_no_policy_lets_a_sign_in_tell(name):
    """
    All operations of these take longer, and are for `make test-deep`. What is left out is checked, and more of it, by
    test_oracles_in_trouble.py::test_nor_does_one_while_each_process_counts_alone.
    """
    assert_no_oracle(lambda: world(policy=POLICIES[name]), operations=sign_in_alone)


@pytest.mark.parametrize(
    "name", [None, *(pytest.param(one, marks=pytest.mark.deep) for one in POLICIES)], ids=["the default", *POLICIES]
)
def test_neither_does_the_async_face(name):
    assert_no_oracle(lambda: async_world(policy=POLICIES.get(name, CHEAPEST)), operations=asking_ports)


def test_nor_whether_a_group_has_no_self_service():
    """Its members are answered as everybody is, and as nobody: what they cannot do they hear in their own mailbox."""
    policy = evolve(CHEAPEST, recovery=RecoveryPolicy(groups={"staff": ()}))
    staff = [
        Kind(name="has no self-service", make=lambda place: place.sign_up(groups={"staff"})),
        Kind(name="has no self-service and no password", make=lambda place: place.account(groups={"staff"})),
    ]
    assert_no_oracle(lambda: world(policy=policy), operations=guesses_of_recovery, kinds=staff)


def test_a_contested_account_is_looked_up_nowhere():
    """Not even its right password leads to the corpus, or to a new hash: what a wrong one does not."""

    class Corpus:
        def count(self, password):
            return 0

    assert_no_oracle(lambda: world(corpus=Corpus()), operations=sign_in_alone)


@pytest.mark.parametrize("store", [one if one == "sqlite" else pytest.param(one, marks=pytest.mark.deep) for one in STORES])
def test_no_store_lets_an_outsider_tell_somebody_from_nobody(store, places):
    opened = []

    def make():
        for place in opened:
            place.close()
        opened[:] = [places.fresh(store)]
        return world(policy=POLICIES["foreign hashes"], store=Borrowed(opened[0].open()))

    assert_no_oracle(make, operations=asking_ports)
    opened[0].close()


@pytest.mark.deep
@pytest.mark.parametrize("store", STORES)
def test_no_async_store_lets_an_outsider_tell_somebody_from_nobody(store, places):
    opened = []

    def make():
        for place in opened:
            place.close()
        opened[:] = [places.fresh(store)]
        return async_world(store=opened[0].open_async())

    assert_no_oracle(make, operations=asking_ports)
    opened[0].close()


@pytest.mark.deep
def test_the_default_policy_at_its_full_cost_lets_nobody_tell():
    assert_no_oracle(lambda: world(policy=SOCIAL_DEFAULT))


# --- what the library does not hide; each is written down where an operator reads it -----------------------------------


def test_hashes_from_before_a_cost_was_raised_are_told_apart_until_they_are_listed():
    raised = hashed_by(DEARER)
    with pytest.raises(OracleFound, match=r"1 passes.*names that nobody has, none ever does") as found:
        assert_no_oracle(lambda: world(policy=raised), population=[OLD, NEW], operations=sign_in_alone)
    assert found.value.what == "cost"

    before = Argon2(cost=CHEAPEST.hashing.parameters, floor=CHEAPEST.hashing.floor, share=0.5)
    listed = hashed_by(evolve(DEARER, foreign=(before,)))
    assert_no_oracle(lambda: world(policy=listed), population=[OLD, NEW] * 50, operations=sign_in_alone)


def test_two_costs_within_one_format_are_told_apart():
    dear = evolve(Bcrypt(cost=4), cost=5, share=0.5)
    with pytest.raises(OracleFound, match="bcrypt 04"):
        assert_no_oracle(lambda: world(policy=foreign(dear)), population=[Bcrypt(cost=4).decoy(), OLD])


def test_as_much_is_decoded_for_nobody_as_for_somebody(monkeypatch):
    """A wrong code is compared without a hash: there a microsecond would show in a few thousand tries."""
    w = world()
    w.sign_up()
    decoded = []
    monkeypatch.setattr(core, "decode_record", lambda stored: decoded.append(len(stored)) or decode_record(stored))
    for call in engine_operations(w).values():
        call("alice@example.org", "wrong", "198.18.0.1")
        somebody = [*decoded]
        decoded.clear()
        call("nobody@example.org", "wrong", "198.18.0.2")
        assert len(decoded) == len(somebody)
        assert all(0.5 < theirs / ours < 2 for ours, theirs in zip(somebody, decoded, strict=True))
        decoded.clear()


def test_a_reset_that_is_asked_for_does_not_show_at_the_next_sign_in():
    w = world()
    w.sign_up(password=None)
    watch, seen = Watch(w), []
    for name in ("alice@example.org", "nobody@example.org"):
        for number in range(9):
            sign_in(w, name, f"wrong {number}", f"198.18.0.{number}")
        w.engine.request_reset(name, context=w.context())
        w.deliver()
        watch.calls.clear()
        sign_in(w, name, "wrong again", "198.18.1.1")
        seen.append([one.name for one in watch.calls])

    assert seen[0] == seen[1]


# --- planted in request handlers --------------------------------------------------------------------------------------


def found_in(call, *, make=world, **more):
    """What assert_no_oracle finds in a handler; *call* takes the world and what a request says."""
    with pytest.raises(OracleFound) as found:
        assert_no_oracle(make, operations=lambda w: {"POST /here": lambda *request: call(w, *request)}, **more)
    assert found.value.operation == "POST /here"
    assert found.value.remedy in str(found.value)
    assert found.value.kind in str(found.value)
    return found.value


def sign_in(w, name, password, address):
    return w.calls.sign_in(name, password, context=w.context(address))


def test_a_handler_that_passes_the_outcome_on_is_no_oracle():
    assert_no_oracle(world, operations=lambda w: {"POST /login": lambda *request: repr(sign_in(w, *request))})


def test_handlers_of_an_async_engine_are_awaited():
    def operations(w):
        async def login(name, password, address):
            return (401, {"refused": str(await w.engine.sign_in(name, password, context=w.context(address)))})

        return {**sign_in_alone(w), "POST /login": login}

    assert_no_oracle(async_world, operations=operations)


def test_an_answer_that_says_there_is_nobody_is_found():
    def login(w, name, password, address):
        outcome = sign_in(w, name, password, address)
        return "no such user" if w.directory.find("", name) is None else outcome

    assert found_in(login).what == "answer"


def test_a_status_that_is_told_before_the_password_was_right_is_found():
    def login(w, name, password, address):
        account = w.directory.find("", name)
        outcome = sign_in(w, name, password, address)
        return "account disabled" if getattr(account, "status", None) is Status.DISABLED else outcome

    found = found_in(login)
    assert (found.what, found.kind) == ("answer", "is disabled by the platform")


def test_an_exception_for_existing_accounts_alone_is_found():
    def login(w, name, password, address):
        if len(password) > 72 and w.directory.find("", name):
            raise ValueError("password cannot be longer than 72 bytes")
        return sign_in(w, name, password, address)

    assert found_in(login).what in {"exception", "port calls"}


def test_one_question_more_to_the_user_table_is_found():
    def login(w, name, password, address):
        account = w.directory.find("", name)
        if account:
            w.directory.get("", account.subject)
        return sign_in(w, name, password, address)

    assert found_in(login).what == "port calls"


def test_another_order_of_the_same_questions_is_found():
    known = {f"somebody-{number:03d}@example.org" for number in range(100)}

    def login(w, name, password, address):
        if name in known:
            w.directory.find("", name)
        outcome = sign_in(w, name, password, address)
        if name not in known:
            w.directory.find("", name)
        return outcome

    assert found_in(login).what == "order"


def test_a_mail_that_is_sent_while_the_caller_waits_is_found():
    def forgot(w, name, password, address):
        w.calls.request_reset(name, context=w.context(address))
        w.calls.deliver()

    found = found_in(forgot)
    assert found.what in {"mail", "port calls"}
    assert "messenger.send" in str(found)


def test_a_sign_in_that_is_skipped_for_nobody_is_found():
    def login(w, name, password, address):
        if w.directory.find("", name) is None:
            return Refused()
        return sign_in(w, name, password, address)

    assert "hashing.verify" in str(found_in(login))


def test_what_shows_only_while_the_messenger_fails_is_found():
    known = {f"somebody-{number:03d}@example.org" for number in range(100)}

    def login(w, name, password, address):
        try:
            w.messenger.send(None)
        except RuntimeError:
            return 500 if name in known else 401
        return 401

    found = found_in(login)
    assert (found.what, found.trouble) == ("answer", "the messenger fails")


def test_a_lock_that_only_existing_accounts_show_is_found():
    def login(w, name, password, address):
        account = w.directory.find("", name)
        subject = getattr(account, "subject", "nobody")
        locked = any(one.stopped for one in w.calls.admin.lock_status(subject))
        return "locked" if locked else sign_in(w, name, password, address)

    assert found_in(login).kind.startswith("was guessed at")


def test_a_password_meter_that_knows_whose_password_it_is_is_found():
    def judge(w, name, password, address):
        account = w.directory.find("", name)
        return type(w.calls.check_password(name, account=account if isinstance(account, Account) else None)).__name__

    assert found_in(judge).what == "answer"


def test_kinds_of_the_platform_s_own_are_compared_as_well():
    def make_pending(place):
        place.sign_up(groups={"pending"})

    def login(w, name, password, address):
        account = w.directory.find("", name)
        outcome = sign_in(w, name, password, address)
        return "wait for approval" if "pending" in getattr(account, "groups", ()) else outcome

    pending = Kind(name="waits for approval", make=make_pending)
    assert found_in(login, kinds=[pending]).kind == "waits for approval"


# --- planted in the engine --------------------------------------------------------------------------------------------


def found_in_engine(make=world, **more):
    with pytest.raises(OracleFound) as found:
        assert_no_oracle(make, operations=sign_in_alone, **more)
    return found.value


def patched(monkeypatch, cls, name, around):
    """Put *around* in front of a method; it gets the method and its arguments."""
    usual = getattr(cls, name)

    def instead(*args, **kwargs):
        return around(usual, *args, **kwargs)

    monkeypatch.setattr(cls, name, instead)


def test_a_skipped_decoy_is_found(monkeypatch):
    async def compare(usual, self, scene, record, verifier, password, **facts):
        if verifier is None:
            return Comparing(Compared(record.incarnation, None, matched=False), None)
        return await usual(self, scene, record, verifier, password, **facts)

    patched(monkeypatch, Hashes, "compare", compare)
    found = found_in_engine()
    assert (found.what, found.operation) == ("hashes", "sign_in")


def test_a_disabled_account_that_shows_at_its_right_password_is_found(monkeypatch):
    async def fail(usual, self, reason):
        outcome = await usual(self, reason)
        return Refused(timedelta(seconds=1)) if reason == "disabled" else outcome

    patched(monkeypatch, Guess, "fail", fail)
    found = found_in_engine()
    assert (found.what, found.kind) == ("answer", "is disabled by the platform")
    assert "the right password" in str(found)


def test_a_decoy_of_another_cost_is_found(monkeypatch):
    cheaper = evolve(CHEAPEST.hashing, memory_kib=9)
    patched(monkeypatch, Hashes, "_opened", lambda usual, self, sealed: cheaper.decoy())
    found = found_in_engine()
    assert found.what == "cost"
    assert "9 KiB" in str(found)


@frozen(kw_only=True)
class Clumsy(HashingPolicy):
    """Raises where a stored hash is compared with more than 72 bytes; its decoy takes anything."""

    def verify(self, stored, password):
        if len(password) > 72:
            raise ValueError("too long")
        return super().verify(stored, password)


def test_a_hasher_that_raises_for_stored_hashes_alone_is_found():
    knobs = {one: getattr(CHEAPEST.hashing, one) for one in ("memory_kib", "time_cost", "floor")}
    found = found_in_engine(lambda: unwatched(hashed_by(Clumsy(**knobs))))
    assert (found.what, found.operation) == ("exception", "sign_in")


def unwatched(policy):
    """A world whose hashing is of its own class."""
    w = world()
    w.policy = policy
    w.engine = w.calls = type(w.engine)(
        policy=policy,
        store=w.store,
        keyring=w.keyring,
        directory=w.directory,
        messenger=w.messenger,
        clock=w.clock,
        entropy=w.entropy,
    )
    return w


def test_an_overload_that_only_accounts_show_is_found(monkeypatch):
    async def compare(usual, self, verifier, password):
        try:
            return await usual(self, verifier, password)
        except Overloaded:
            if verifier is None:
                return Comparing(Compared(b"", None, matched=False), None)
            raise

    patched(monkeypatch, Guess, "compare", compare)
    found = found_in_engine()
    assert (found.what, found.trouble) == ("answer", "hashing is overloaded")


MIXED = foreign(Bcrypt(cost=4, share=0.4))


def test_decoys_that_do_not_follow_the_shares_are_found(monkeypatch):
    def skewed(usual, self, scene, typed):
        return self._decoys[sum(typed.encode() if isinstance(typed, str) else typed) % 10 < 2]

    patched(monkeypatch, Hashes, "_decoy", skewed)
    found = found_in_engine(lambda: world(policy=MIXED))
    assert found.what == "distribution"
    assert "chi-square" in str(found)


def test_a_decoy_that_is_drawn_anew_each_time_is_found(monkeypatch):
    turns = count()

    def restless(usual, self, scene, typed):
        return self._decoys[next(turns) % 3 == 0]

    patched(monkeypatch, Hashes, "_decoy", restless)
    found = found_in_engine(lambda: world(policy=MIXED))
    assert found.what == "cost"
    assert "costs now" in str(found)


def test_shares_that_the_population_does_not_have_are_found():
    tenth = [Bcrypt(cost=4).decoy()] * 10 + [OLD] * 90
    assert found_in_engine(lambda: world(policy=MIXED), population=tenth * 10).what == "distribution"
    right = [Bcrypt(cost=4).decoy()] * 160 + [OLD] * 240
    assert_no_oracle(lambda: world(policy=MIXED), population=right, operations=sign_in_alone)


def test_a_sound_key_ring_is_not_denied_and_a_share_that_is_off_by_a_quarter_is():
    """Also where a share is small; of two thousand key rings none is denied, as it should be once in a million."""
    random, names = Random(5), ("bcrypt", "argon2id", "pbkdf2")
    for shares in ((0.4, 0.6, 0.0), (0.01, 0.98, 0.01), (0.002, 0.001, 0.997)):
        expected = {name: share for name, share in zip(names, shares, strict=True) if share}
        for _ in range(700):
            drawn = Counter(random.choices([*expected], [*expected.values()], k=600))
            found, bound = surprise(drawn, expected, sampled=Counter())
            assert found < bound, (shares, drawn)
            sampled = Counter(random.choices([*expected], [*expected.values()], k=300))
            found, bound = surprise(drawn, expected, sampled=sampled)
            assert found < bound, (shares, drawn, sampled)

    drawn = Counter({"bcrypt": 330, "argon2id": 270})
    found, bound = surprise(drawn, {"bcrypt": 0.4, "argon2id": 0.6}, sampled=Counter())
    assert found > bound
    found, bound = surprise(Counter({"bcrypt": 1}), {"argon2id": 1.0}, sampled=Counter())
    assert found > bound


# --- nothing is proven by a check that cannot see ----------------------------------------------------------------------


def test_a_directory_that_finds_nobody_is_no_proof():
    def make():
        w = world()
        w.directory.find = lambda tenant, identifier: None
        w.restart()
        return w

    with pytest.raises(AssertionError, match="does the directory find"):
        assert_no_oracle(make, operations=asking_ports)


def test_an_answer_that_repeats_what_was_typed_cannot_be_compared():
    with pytest.raises(AssertionError, match="two names that nobody has differently"):
        assert_no_oracle(world, operations=lambda w: {"echo": lambda name, password, address: name})


def test_a_handler_that_fails_for_everybody_raises_what_it_raised():
    def broken(w):
        return {"broken": lambda name, password, address: 1 / 0}

    with pytest.raises(ZeroDivisionError):
        assert_no_oracle(world, operations=broken)


def test_only_worlds_are_checked():
    with pytest.raises(TypeError, match="makes a World"):
        assert_no_oracle(lambda: world().engine)


def test_a_watch_lets_go_of_the_ports():
    w = world()
    watch = Watch(w)
    w.directory.find("", "nobody")
    assert [one.name for one in watch.calls] == ["directory.find by your own code"]
    watch.let_go()
    w.directory.find("", "nobody")
    assert len(watch.calls) == 1
    assert watch.trouble is CALM


def test_every_usual_kind_has_a_name_of_its_own():
    assert len({one.name for one in KINDS}) == len(KINDS)
