"""Passkeys through the engine: set up, beside a password, and alone. Each on every kind of store that matters to it."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from tests.mfa.passkeys import (
    a_world,
    add,
    alone,
    begin,
    due,
    guarded,
    made,
    prove,
    record,
    signed,
    soft,
    stored,
    with_passkeys,
)
from tests.mfa.stage import APP, ORIGIN, attested, policy
from tests.places import STORES, USUAL

from acctsec import (
    CHEAPEST,
    Allowed,
    AssuranceLevel,
    ConfigError,
    Context,
    EnrollmentRequired,
    FactorAdded,
    FactorRequired,
    FreshSession,
    MfaPolicy,
    PasskeyAssertion,
    PasskeyAttestation,
    PasskeyChallenge,
    PasskeyEnrollmentStarted,
    PasswordChanged,
    PasswordChangeRequired,
    ProofAccepted,
    RecoveryCode,
    Refused,
    ResetLink,
    ResumeTicket,
    Rule,
    SessionValid,
    SignedIn,
    Waiting,
    events,
)
from acctsec._codec import decode_record, encode_record
from acctsec._values import evolve as replaced
from acctsec.attacks.risk import Assessment, Extra
from acctsec.engine import Engine
from acctsec.errors import PortError
from acctsec.keyring import Keyring, frame
from acctsec.mfa import PHISHING_RESISTANT, USER_VERIFIED, Action, all_of
from acctsec.mfa.passkeys import CounterRegression, PasskeyMatch, UserVerification, WebauthnVerifier
from acctsec.mfa.passkeys.proving import UNVERIFIED
from acctsec.mfa.passkeys.responses import base64url
from acctsec.mfa.proving import Proven, Unproven
from acctsec.outcomes import FactorKind, FactorRemoved, FactorsRemoved
from acctsec.protocols import Asserted, Status
from acctsec.record import Factors, Passkey
from acctsec.recovery import Capability, Proof, RecoveryPath, RecoveryPolicy
from acctsec.sessions import Binding, SessionPolicy
from acctsec.testing import MemoryDirectory, RecordingMessenger, async_world, world
from acctsec.testing.authenticator import Excluded
from acctsec.testing.world import IDENTIFIER, PASSWORD

DAY = timedelta(days=1)
NOW = datetime(2027, 1, 1, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
NEW = "a wholly new phrase 77"
BOUND = {"backup_eligible": False, "backed_up": False}
SOMEBODY = {"subject": "u2", "identifier": "bob@example.org"}

every_store = pytest.mark.parametrize(
    "place", [pytest.param(one, marks=() if one in (*USUAL, "sqlite") else pytest.mark.deep) for one in STORES], indirect=True
)


@pytest.fixture
def place(request, places):
    """A store with nothing in it."""
    found = places.fresh(request.param)
    yield found
    found.close()


@pytest.fixture
def w():
    return a_world()


def ruled(w, *rules):
    """Let there be rules from now on."""
    w.restart(evolve(w.policy, mfa=evolve(w.policy.mfa, rules=rules)))


def rejections(w):
    """What operators were told of passkeys that did not count."""
    return [one for one in w.sink.observations if isinstance(one, events.PasskeyRejected)]


# --- the way of a platform, on every store ----------------------------------------------------------------------------


@every_store
def test_a_passkey_is_set_up_answers_for_a_password_and_signs_in_alone(place):
    w = a_world(store=place.open())
    started = begin(w, w.sign_in().session)
    assert isinstance(started, PasskeyEnrollmentStarted)
    key = soft()
    added = w.calls.confirm_factor(started.ticket, made(key, started), context=w.context())
    assert isinstance(added, FactorAdded), added
    assert (added.factor.kind, added.factor.method, added.factor.name) == (FactorKind.PASSKEY, "passkey", "Phone")

    beside = prove(w, key, due(w))
    assert isinstance(beside, SignedIn), beside
    assert (beside.info.methods, beside.info.level) == (("password", "passkey"), AssuranceLevel.AAL2)

    first = alone(w, key)
    assert isinstance(first, SignedIn), first
    assert (first.info.subject, first.info.methods, first.info.level) == ("u1", ("passkey",), AssuranceLevel.AAL2)
    assert isinstance(w.calls.check_session(first.session, context=w.context()), SessionValid)
    w.deliver()
    assert [one.methods for one in w.sink.of(events.SignedInEvent)][-1] == ("passkey",)


@every_store
def test_of_eight_who_send_one_answer_at_once_one_is_signed_in(place):
    """A replay that races is a replay (M-139)."""
    w = a_world(store=place.open())
    key, _ = guarded(w)
    asked = w.calls.begin_passkey_sign_in(context=w.context())
    answer = signed(key, asked.options)
    ticket = due(w)
    second = signed(key, ticket.passkey)
    for call in (
        lambda: w.calls.sign_in_with_passkey(asked.ticket, answer, context=w.context()),
        lambda: w.calls.verify_factor(ticket.ticket, second, context=w.context()),
    ):
        before, answers, gate = len(record(w).sessions), [], Barrier(8)

        def knock(call=call, answers=answers, gate=gate):
            gate.wait()
            answers.append(call())

        threads = [Thread(target=knock) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(isinstance(one, SignedIn) for one in answers) == 1, answers
        assert len(record(w).sessions) == before + 1


def test_the_async_face_does_the_same():
    w = async_world(policy=with_passkeys())
    w.sign_up()
    key, _ = guarded(w)

    assert isinstance(prove(w, key, due(w)), SignedIn)
    assert isinstance(alone(w, key), SignedIn)
    w.close()


# --- setting one up -----------------------------------------------------------------------------------------------------


def test_the_options_name_the_account_and_leave_out_what_it_has(w):
    key, session = guarded(w)
    started = begin(w, session, name="Key")

    assert started.options["user"]["name"] == IDENTIFIER
    assert [one["id"] for one in started.options["excludeCredentials"]]
    with pytest.raises(Excluded):
        made(key, started)
    assert "alice" not in repr(started)


def test_a_passkey_can_be_made_anew_on_the_authenticator_that_holds_it(w):
    key, session = guarded(w)
    old = stored(w)
    started = begin(w, session, replaces=old.id)
    assert started.options["excludeCredentials"] == []

    added = w.calls.confirm_factor(started.ticket, made(key, started), context=w.context())

    assert isinstance(added, FactorAdded)
    assert stored(w).id == added.factor.id != old.id


def test_a_credential_is_registered_once(w):
    """The second confirmation meets the record that the first one made: the ticket is dead, and the credential is there (M-139)."""
    session = w.sign_in().session
    one, other = begin(w, session), begin(w, session, name="again")
    key = soft()
    answer = made(key, one)
    assert isinstance(w.calls.confirm_factor(one.ticket, answer, context=w.context()), FactorAdded)

    assert isinstance(w.calls.confirm_factor(one.ticket, answer, context=w.context()), Refused)
    assert isinstance(w.calls.confirm_factor(other.ticket, made(soft(), other), context=w.context()), Refused)
    assert len(record(w).factors.passkeys) == 1


def test_the_same_credential_is_no_second_factor():
    """An authenticator that ignores what is excluded."""
    first = Passkey(id="a", name="", credential=b"one", key=b"k", created=NOW)
    factors = Factors(passkeys=(first,))

    assert MfaPolicy().add(factors, replaced(first, id="b")) is None
    assert MfaPolicy().add(factors, replaced(first, id="b", credential=b"two")) is not None


def test_a_ninth_factor_is_refused(w):
    session = w.sign_in().session
    for number in range(8):
        _, session = add(w, session, soft(algorithm=-7), name=f"key {number}")

    started = begin(w, session, name="one more")
    assert isinstance(w.calls.confirm_factor(started.ticket, made(soft(), started), context=w.context()), Refused)
    oldest = record(w).factors.passkeys[0].id
    _, session = add(w, session, soft(), name="in its place", replaces=oldest)  # the way out
    assert len(record(w).factors.passkeys) == 8


def test_keys_that_are_too_large_together_are_refused_and_replaced(w):
    """What a record keeps of factors is bounded in bytes as well; what goes gives its room to what comes."""
    _, session = guarded(w)
    large = [replaced(stored(w), id=f"large {n}", credential=bytes([n]) * 64, key=bytes(300)) for n in range(4)]
    rewritten(w, lambda now: replaced(now, factors=replaced(now.factors, passkeys=(*now.factors.passkeys, *large))))
    rewritten(w, lambda now: replaced(now, factors=now.factors.with_factor(replaced(large[0], key=bytes(500)))))
    assert not record(w).factors.has_room_for(replaced(large[0], id="one more", key=bytes(77)))
    started = begin(w, session, name="one more")
    assert isinstance(w.calls.confirm_factor(started.ticket, made(soft(), started), context=w.context()), Refused)
    assert len(record(w).factors.passkeys) == 5

    add(w, session, soft(), name="in its place", replaces="large 2")
    assert len(record(w).factors.passkeys) == 5


def rewritten(w, change):
    """Let the record be another, as no operation under this policy makes it."""
    name = frame("subject", "", "u1")
    value, version = w.store.load(name)
    w.store.commit(name, version, encode_record(change(decode_record(value))), (), w.entropy(16))


def test_an_answer_to_other_options_sets_nothing_up(w):
    """M-014: a challenge is of one ticket, of one person, and of setting up."""
    w.sign_up(**SOMEBODY)
    mine, other = w.sign_in(), w.sign_in("bob@example.org")
    started, others = begin(w, mine.session), begin(w, other.session)
    again = begin(w, mine.session)
    key, asked = soft(), w.calls.begin_passkey_sign_in(context=w.context())
    signing = {**started.options, "challenge": asked.options["challenge"]}
    wrong = [
        made(key, others),
        made(key, again),
        made(key, started, origin="https://example.com.evil.test"),
        made(key, started, rp_id="evil.test"),
        made(key, started, type="webauthn.get"),
        PasskeyAttestation(key.create(signing, origin=ORIGIN)),
        PasskeyAssertion(made(key, started).response),
        PasskeyAttestation("{}"),
    ]

    for answer in wrong[:3] + wrong[5:]:
        assert isinstance(w.calls.confirm_factor(started.ticket, answer, context=w.context("198.51.100.1")), Refused)
    w.clock.advance(minutes=4)
    assert isinstance(w.calls.confirm_factor(started.ticket, wrong[3], context=w.context("198.51.100.2")), Refused)
    w.clock.advance(minutes=4)
    assert isinstance(w.calls.confirm_factor(started.ticket, wrong[4], context=w.context("198.51.100.3")), Refused)
    assert not record(w).factors.live
    w.deliver()
    reasons = {one.reason for one in rejections(w)}
    assert {"wrong-challenge", "wrong-origin", "wrong-relying-party", "wrong-ceremony"} <= reasons


def test_an_answer_that_a_password_change_overtook_sets_nothing_up(w):
    started = begin(w, w.sign_in().session)
    answer = made(soft(), started)
    w.calls.set_password("u1", NEW, by=FreshSession(w.sign_in().session), context=w.context())

    assert isinstance(w.calls.confirm_factor(started.ticket, answer, context=w.context()), Refused)


def test_nobody_without_a_verified_address_sets_one_up():
    w = world(policy=with_passkeys())
    w.sign_up(addresses=())

    assert isinstance(begin(w, w.sign_in().session), Refused)


def test_a_policy_that_says_nothing_of_passkeys_says_how_to_mend_it():
    w = world()
    w.sign_up()
    session = w.sign_in().session

    for call in (
        lambda: begin(w, session),
        lambda: w.calls.begin_passkey_sign_in(context=w.context()),
        lambda: w.calls.sign_in_with_passkey("x", PasskeyAssertion("{}"), context=w.context()),
    ):
        with pytest.raises(ConfigError, match="passkeys") as found:
            call()
        assert "PasskeyPolicy(rp_id=" in found.value.remedy
    assert isinstance(w.calls.verify_factor("x", PasskeyAssertion("{}"), context=w.context()), Refused)


def test_a_policy_may_take_no_passkeys_though_it_knows_them():
    w = a_world(kinds={FactorKind.TOTP})
    assert isinstance(begin(w, w.sign_in().session), Refused)


def test_an_engine_without_the_library_is_not_built(monkeypatch):
    monkeypatch.setattr("acctsec.engine._wiring.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="webauthn") as found:
        a_world()
    assert found.value.remedy == "pip install acctsec[passkeys]"


def test_a_verifier_of_ones_own_is_asked_and_one_of_the_wrong_form_refused():
    asked = []

    class Counting(WebauthnVerifier):
        def register(self, policy, response, *, challenge):
            asked.append(response)
            return super().register(policy, response, challenge=challenge)

    w = a_world()
    parts = {"policy": w.policy, "store": w.store, "directory": w.directory, "keyring": w.keyring, "messenger": w.messenger}
    w.calls = Engine(passkeys=Counting(), clock=w.clock, **parts)
    guarded(w)
    assert len(asked) == 1
    with pytest.raises(ConfigError, match="passkey verifier has no method register"):
        Engine(passkeys=object(), **{**parts, "directory": MemoryDirectory(), "messenger": RecordingMessenger()})


# --- beside a password ----------------------------------------------------------------------------------------------------


def test_only_what_helps_is_asked_for():
    """A passkey that was reported, or would not be enough, is not in the list."""
    w = a_world(rules=policy(user_verification=UserVerification.PREFERRED))
    touch = soft(verified=False, **BOUND)
    _, session = guarded(w, touch)
    phone, session = add(w, session, soft(), name="Phone")
    asked = due(w)
    assert len(asked.passkey["allowCredentials"]) == 2
    ids = {one.name: one.credential for one in record(w).factors.passkeys}
    assert isinstance(prove(w, touch, asked), SignedIn)

    ruled(w, Rule(USER_VERIFIED, actions=Action.SIGN_IN))
    (only,) = due(w).passkey["allowCredentials"]
    assert only["id"] == base64url(ids["Phone"])
    assert isinstance(prove(w, phone, due(w)), SignedIn)


def test_whoever_has_no_passkey_is_asked_for_none(w):
    w.enroll(w.sign_in().session)
    assert due(w).passkey is None


def test_the_passkey_of_somebody_else_answers_for_nobody(w):
    w.sign_up(**SOMEBODY)
    guarded(w)
    theirs, _ = add(w, w.sign_in("bob@example.org").session)
    asked = due(w)
    options = {**asked.passkey, "allowCredentials": []}

    assert isinstance(w.calls.verify_factor(asked.ticket, signed(theirs, options), context=w.context()), Refused)
    w.deliver()
    assert rejections(w)[-1].reason == "wrong-credential"


def test_a_passkey_that_says_it_is_somebody_elses_answers_for_nobody(w):
    """Beside a password as well: an authenticator that keeps another account is not the one that was registered."""
    key, _ = guarded(w)
    asked = due(w)
    answer = signed(key, asked.passkey)
    answer.response["response"]["userHandle"] = "dTI"

    assert isinstance(w.calls.verify_factor(asked.ticket, answer, context=w.context()), Refused)
    assert isinstance(prove(w, key, asked), SignedIn)


def test_an_answer_is_good_for_its_ticket_origin_and_service(w):
    """M-014, M-139: neither an older challenge, nor one of another flow, another page or another service."""
    key, session = guarded(w)
    older, asked = due(w), due(w)
    first = w.calls.begin_passkey_sign_in(context=w.context())
    started = begin(w, session)
    flows = [older.passkey, {**asked.passkey, "challenge": first.options["challenge"]}]
    flows.append({**asked.passkey, "challenge": started.options["challenge"]})
    wrong = [
        *(signed(key, options) for options in flows),
        signed(key, asked.passkey, origin="https://www.example.com.evil.test"),
        signed(key, asked.passkey, rp_id="evil.test"),
        signed(key, asked.passkey, type="webauthn.create"),
    ]
    for number, answer in enumerate(wrong):
        assert isinstance(w.calls.verify_factor(asked.ticket, answer, context=w.context(f"198.51.100.{number}")), Refused)
    assert isinstance(w.calls.sign_in_with_passkey(first.ticket, signed(key, asked.passkey), context=w.context()), Refused)

    assert isinstance(prove(w, key, asked), SignedIn)
    assert isinstance(prove(w, key, older), SignedIn)


def test_a_ticket_that_a_password_change_overtook_is_dead(w):
    key, _ = guarded(w)
    asked = due(w)
    answer = signed(key, asked.passkey)
    full = prove(w, key, due(w))
    changed = w.calls.set_password("u1", NEW, by=FreshSession(full.session), context=w.context())
    assert isinstance(changed, PasswordChanged), changed

    assert isinstance(w.calls.verify_factor(asked.ticket, answer, context=w.context()), Refused)
    assert isinstance(prove(w, key, due(w, NEW)), SignedIn)


def test_another_app_of_the_service_is_an_origin_of_its_own(w):
    key, _ = guarded(w)
    asked = due(w)
    answer = signed(key, asked.passkey, origin=APP)

    assert isinstance(w.calls.verify_factor(asked.ticket, answer, context=w.context()), SignedIn)


def test_keys_rotate_while_somebody_looks_for_his_passkey(w):
    """The challenge of a ticket that was handed out under the older index key."""
    sealing, index = [bytes(range(n, n + 32)) for n in (1, 40)], bytes(range(90, 122))
    w.restart(keyring=Keyring(sealing=[sealing[0]], index=[index]))
    w.sign_up(**SOMEBODY)
    theirs, _ = add(w, w.sign_in("bob@example.org").session)
    asked = w.calls.sign_in("bob@example.org", PASSWORD, context=w.context())
    first = w.calls.begin_passkey_sign_in(context=w.context())
    w.restart(keyring=Keyring(sealing=[sealing[1], sealing[0]], index=[bytes(range(50, 82)), index]))

    assert isinstance(prove(w, theirs, asked), SignedIn)
    answer = signed(theirs, first.options)
    assert isinstance(w.calls.sign_in_with_passkey(first.ticket, answer, context=w.context()), SignedIn)


# --- counters, copies, verification -----------------------------------------------------------------------------------


def test_a_counter_that_went_back_is_refused_and_told(w):
    key, _ = guarded(w, soft(counter=5, step=1, **BOUND))
    assert isinstance(prove(w, key, due(w)), SignedIn)
    assert stored(w).counter == 6
    copy = key
    copy.counter = 3

    assert isinstance(prove(w, copy, due(w)), Refused)
    assert isinstance(alone(w, copy), Refused)  # at 5: no higher than 6
    assert stored(w).counter == 6
    w.deliver()
    told = w.sink.of(events.PasskeyRegressed)
    assert [(one.factor, one.refused) for one in told] == [(stored(w).id, True)] * 2


def test_a_policy_may_let_it_pass_and_still_be_told():
    w = a_world(rules=policy(on_counter_regression=CounterRegression.REPORT))
    key, _ = guarded(w, soft(counter=5, step=1, **BOUND))
    key.counter = 1

    assert isinstance(prove(w, key, due(w)), SignedIn)
    assert isinstance(alone(w, key), SignedIn)
    assert stored(w).counter == 5  # the highest that was seen
    w.deliver()
    assert [one.refused for one in w.sink.of(events.PasskeyRegressed)] == [False, False]


def test_a_key_that_could_never_be_copied_does_not_become_one_that_can(w):
    key, _ = guarded(w, soft(**BOUND))
    key.backup_eligible = True

    assert isinstance(prove(w, key, due(w)), Refused)
    assert isinstance(alone(w, key), Refused)


def test_whether_it_is_backed_up_is_remembered(w):
    key, _ = guarded(w, soft(backed_up=False))
    assert not stored(w).backed_up
    key.backed_up = True

    assert isinstance(alone(w, key), SignedIn)
    assert stored(w).backed_up


def test_a_passkey_that_is_only_touched_is_one_factor(w):
    """What this use showed counts, not what the passkey could do when it was made."""
    key, _ = guarded(w)
    key.verified = False

    outcome = prove(w, key, due(w))
    assert outcome.info.methods == ("password", "passkey-touch")
    assert isinstance(alone(w, key), Refused)


def test_a_passkey_begins_to_verify_its_holder_beside_the_password_alone(w):
    """Level 3 section 7.2: or whoever found the key could give it a PIN of his own."""
    key, _ = guarded(w, soft(verified=False, **BOUND))
    assert not stored(w).verified
    key.verified = True
    assert isinstance(alone(w, key), Refused)
    assert w.engine._flows.core.observations[-1].reason == "passkey: not-verified"
    assert not stored(w).verified

    assert prove(w, key, due(w)).info.methods == ("password", "passkey-bound")
    assert stored(w).verified
    assert isinstance(alone(w, key), SignedIn)


FLAGS = st.tuples(st.booleans(), st.booleans(), st.booleans())


@given(FLAGS, FLAGS, st.sampled_from([(), ("password",), ("totp",)]), st.integers(0, 3), st.integers(0, 3))
def test_no_use_is_worth_more_than_it_showed(before, now, besides, was, counter):
    """Whatever was registered, and whatever is asserted: method, counter and flags only go where they may."""
    verified, syncable, backed_up = before
    asserted = Asserted(counter=counter, verified=now[0], backup_eligible=now[1], backed_up=now[2] and now[1])
    kept = Passkey(
        id="a",
        name="",
        credential=b"c",
        key=b"k",
        created=NOW,
        counter=was,
        verified=verified,
        syncable=syncable,
        backed_up=backed_up and syncable,
    )
    match = PasskeyMatch(factor="a", rules=policy(), asserted=asserted, besides=besides)

    found = match.use(Factors(passkeys=(kept,)))

    if asserted.backup_eligible is not syncable or ((was or counter) and counter <= was):
        assert isinstance(found, Unproven)
        return
    assert isinstance(found, Proven)
    (after,) = found.factors.passkeys
    assert after.counter == counter >= was
    assert after.syncable is syncable and after.backed_up is asserted.backed_up
    assert after.verified is (verified or (asserted.verified and "password" in besides))
    assert ("touch" not in found.method) is (asserted.verified and after.verified)
    assert ("bound" in found.method) is not syncable
    again = match.use(found.factors)
    assert isinstance(again, Proven) is (counter == 0)


def test_a_passkey_that_was_reported_proves_nothing():
    kept = Passkey(id="a", name="", credential=b"c", key=b"k", created=NOW, reported="lost")
    asserted = Asserted(counter=0, verified=True, backup_eligible=False, backed_up=False)

    match = PasskeyMatch(factor="a", rules=policy(), asserted=asserted)
    assert isinstance(match.use(Factors(passkeys=(kept,))), Unproven)
    assert set(map(str, UNVERIFIED)) == {"passkey", "passkey-bound"}


# --- alone ------------------------------------------------------------------------------------------------------------


def test_nothing_of_the_options_is_about_anybody(w):
    guarded(w)
    asked = w.calls.begin_passkey_sign_in(context=w.context())
    assert isinstance(asked, PasskeyChallenge)
    assert asked.options["allowCredentials"] == []
    assert asked.options["userVerification"] == "required"
    lengths = {len(w.calls.begin_passkey_sign_in(context=w.context(tenant=t)).ticket) for t in ("", "x" * 64, "ä" * 32)}
    assert len(lengths) == 1


def test_a_ticket_is_good_once_and_in_time(w):
    key, _ = guarded(w)
    asked = w.calls.begin_passkey_sign_in(context=w.context())
    answer = signed(key, asked.options)
    late = w.calls.begin_passkey_sign_in(context=w.context())

    assert isinstance(w.calls.sign_in_with_passkey(asked.ticket, answer, context=w.context()), SignedIn)
    assert isinstance(w.calls.sign_in_with_passkey(asked.ticket, answer, context=w.context()), Refused)
    w.clock.advance(seconds=w.policy.sessions.ticket_lifetime.total_seconds())
    outcome = w.calls.sign_in_with_passkey(late.ticket, signed(key, late.options), context=w.context())
    assert isinstance(outcome, Refused)


def test_a_used_answer_stays_used_whatever_becomes_of_the_account(w):
    """The ticket is bound to no epoch: the record remembers it past a change of password and of factors."""
    key, _ = guarded(w)
    asked = w.calls.begin_passkey_sign_in(context=w.context())
    answer = signed(key, asked.options)
    full = w.calls.sign_in_with_passkey(asked.ticket, answer, context=w.context())
    w.calls.set_password("u1", NEW, by=FreshSession(full.session), context=w.context())

    assert isinstance(w.calls.sign_in_with_passkey(asked.ticket, answer, context=w.context()), Refused)


def test_a_ticket_is_of_one_tenant():
    w = a_world()
    key, _ = guarded(w)
    asked = w.calls.begin_passkey_sign_in(context=w.context(tenant="other"))

    assert isinstance(w.calls.sign_in_with_passkey(asked.ticket, signed(key, asked.options), context=w.context()), Refused)
    there = w.calls.sign_in_with_passkey(asked.ticket, signed(key, asked.options), context=w.context(tenant="other"))
    assert isinstance(there, Refused)


def test_a_passkey_that_says_it_is_somebody_elses_is_nobodys(w):
    """The user handle is not signed: whoever changes it asks another record, which does not have the key."""
    w.sign_up(**SOMEBODY)
    key, _ = guarded(w)
    add(w, w.sign_in("bob@example.org").session)
    for handle in ("dTI", "bm9ib2R5", "", None, "x", "gA"):
        asked = w.calls.begin_passkey_sign_in(context=w.context())
        answer = key.get(asked.options, origin=ORIGIN)
        answer["response"]["userHandle"] = handle
        assert isinstance(w.calls.sign_in_with_passkey(asked.ticket, PasskeyAssertion(answer), context=w.context()), Refused)


def test_who_is_disabled_contested_or_gone_is_refused_alike(w):
    w.sign_up(**SOMEBODY)
    key, _ = guarded(w)
    other, _ = add(w, w.sign_in("bob@example.org").session)
    w.directory.put(evolve(w.directory.get("", "u1"), status=Status.DISABLED))
    assert alone(w, key) == Refused()
    w.directory.put(evolve(w.directory.get("", "u1"), status=Status.ACTIVE))
    w.calls.admin.disable("u1", actor="root")
    assert alone(w, key) == Refused()
    w.calls.admin.enable("u1", actor="root")
    assert isinstance(alone(w, key), SignedIn)

    w.calls.admin.erase("u1", actor="root")
    assert alone(w, key) == Refused()
    w.directory.remove("u2")
    assert alone(w, other) == Refused()


def test_no_passkey_opens_a_contested_account(w):
    """Not before it is settled: whoever made the change that was vetoed may hold it."""
    key, _ = guarded(w)
    rewritten(w, lambda now: now.contested(since=w.clock(), proofs=("link",)))

    assert alone(w, key) == Refused()
    assert w.engine._flows.core.observations[-1].reason == "contested"


def test_a_password_that_has_to_change_does_not_matter_to_a_passkey(w):
    key, _ = guarded(w)
    w.calls.admin.require_password_change("u1", actor="root")

    assert isinstance(alone(w, key), SignedIn)
    assert isinstance(prove(w, key, due(w)), PasswordChangeRequired)


def test_no_stranger_stops_the_passkey_of_an_owner(w):
    """Garbage from everywhere: the sources rest, the owner does not."""
    key, _ = guarded(w)
    stranger = soft()
    stranger.create(begin(w, prove(w, key, due(w)).session).options, origin=ORIGIN)  # it knows the subject, not the key
    answers = []
    for number in range(60):
        asked = w.calls.begin_passkey_sign_in(context=w.context("198.51.100.1"))
        answer = signed(stranger, asked.options)
        answers.append(w.calls.sign_in_with_passkey(asked.ticket, answer, context=w.context("198.51.100.1")))
        if number < 55:
            w.calls.sign_in(IDENTIFIER, f"wrong {number}", context=w.context(f"203.0.113.{number}"))
    assert all(isinstance(one, Refused) for one in answers)
    assert answers[0].retry_after is None
    assert answers[-1].retry_after is not None  # it is bounded

    assert isinstance(alone(w, key), SignedIn)


def test_a_known_device_is_not_held_up_by_its_neighbours(w):
    key, _ = guarded(w)
    device = alone(w, key).device
    stranger = soft()
    stranger.create(begin(w, prove(w, key, due(w)).session).options, origin=ORIGIN)
    for _ in range(60):
        alone(w, stranger)

    assert alone(w, key).retry_after is not None
    assert isinstance(alone(w, key, device=device), SignedIn)


def test_a_passkey_opens_no_lane_of_passwords(w):
    """What was guessed of the password stays guessed: the passkey says nothing of who did it."""
    key, _ = guarded(w)
    for number in range(60):
        w.clock.advance(minutes=31)
        w.calls.sign_in(IDENTIFIER, f"wrong {number}", context=w.context(f"203.0.113.{number}"))
    stopped = [one for one in w.calls.admin.lock_status("u1") if one.stopped]
    remembered = record(w).checkpoints
    assert stopped and remembered

    assert isinstance(alone(w, key), SignedIn)
    assert record(w).checkpoints == remembered
    assert [one for one in w.calls.admin.lock_status("u1") if one.stopped] == stopped


def test_a_rule_may_ask_for_more_than_a_passkey():
    staff = Rule(AssuranceLevel.AAL3, actions=Action.SIGN_IN, groups={"admins"})
    w = world(policy=with_passkeys(rules=policy()))
    w.sign_up(groups={"admins"})
    phone, session = guarded(w)
    bound, _ = add(w, session, soft(**BOUND), name="Key")
    ruled(w, staff)

    asked = alone(w, phone)
    assert isinstance(asked, FactorRequired), asked
    assert [one.name for one in asked.factors] == ["Key"]
    outcome = prove(w, bound, asked)
    assert isinstance(outcome, SignedIn), outcome
    assert (outcome.info.level, outcome.info.methods) == (AssuranceLevel.AAL3, ("passkey", "passkey-bound"))
    assert alone(w, bound).info.level is AssuranceLevel.AAL3


def test_who_has_nothing_that_is_enough_sets_it_up_first():
    """The ticket of EnrollmentRequired says what was proven, and no password was."""
    staff = Rule(AssuranceLevel.AAL3, actions=Action.SIGN_IN)
    w = a_world()
    phone, _ = guarded(w)
    ruled(w, staff)

    asked = alone(w, phone)
    assert isinstance(asked, EnrollmentRequired), asked
    started = begin(w, asked.ticket, name="Key")
    key = soft(**BOUND)
    added = w.calls.confirm_factor(started.ticket, made(key, started), context=w.context())
    assert isinstance(added, FactorAdded), added
    found = w.calls.check_session(added.session, context=w.context())
    assert set(found.session.methods) == {"passkey", "passkey-bound"}


class Strange:
    """A risk policy that finds every sign-in strange, or fails."""

    broken = False

    def assess(self, facts):
        if self.broken:
            raise RuntimeError
        return Assessment(score=90, contributions=(), extra=Extra.FACTOR)


def test_a_strange_sign_in_by_passkey_meets_the_rules_for_strange_ones():
    """Weighed like any other, and never asked for a puzzle; a policy that fails lets nobody in and charges nobody."""
    risk = Strange()
    w = a_world(base=evolve(CHEAPEST, risk=risk))
    key, session = guarded(w)
    bound, _ = add(w, session, soft(**BOUND), name="Key")
    ruled(w, Rule(AssuranceLevel.AAL3, actions=Action.SIGN_IN, risky=True))

    assert isinstance(alone(w, key), FactorRequired)
    assert isinstance(alone(w, bound), SignedIn)
    w.deliver()
    assert {one.extra for one in w.sink.of(events.RiskAssessed)} == {"factor"}
    risk.broken = True
    for _ in range(60):
        with pytest.raises(PortError):
            alone(w, bound)
    risk.broken = False
    assert isinstance(alone(w, bound), SignedIn)


def test_where_the_password_is_asked_for_a_passkey_alone_is_no_way_in():
    w = a_world()
    key, _ = guarded(w)
    both = Rule(all_of("password", PHISHING_RESISTANT), actions=Action.SIGN_IN)
    ruled(w, both)

    assert isinstance(alone(w, key), Refused)
    assert isinstance(prove(w, key, due(w)), SignedIn)


def test_a_session_that_comes_of_a_passkey_is_bound_to_its_browser_and_named_after_it():
    """As every session: where the policy wants a key, nobody is signed in without one."""
    bound = evolve(CHEAPEST, sessions=SessionPolicy(binding=Binding.REQUIRED))
    w = world(policy=with_passkeys(bound))
    w.sign_up()
    here = Context.of("192.0.2.7", key=b"k" * 32, user_agent=FIREFOX)
    w.context = lambda *given, **facts: here
    key, _ = guarded(w)
    asked = w.calls.begin_passkey_sign_in(context=here)
    answer = signed(key, asked.options)
    assert w.calls.sign_in_with_passkey(asked.ticket, answer, context=Context.of("192.0.2.7")) == Refused()

    outcome = w.calls.sign_in_with_passkey(asked.ticket, answer, context=here)
    assert isinstance(outcome, SignedIn), outcome
    assert record(w).sessions[-1].name
    assert isinstance(w.calls.check_session(outcome.session, context=here), SessionValid)
    assert not isinstance(w.calls.check_session(outcome.session, context=Context.of("192.0.2.7")), SessionValid)


# --- levels, steps up, recovery ---------------------------------------------------------------------------------------


def test_an_attested_key_that_cannot_leave_its_device_is_aal3():
    key = soft(attestation="packed", **BOUND)
    rules = attested(key, user_verification=UserVerification.REQUIRED, synced=False)
    admins = Rule(AssuranceLevel.AAL3, actions=Action.EXPORT_DATA)
    w = world(policy=evolve(CHEAPEST, mfa=MfaPolicy(passkeys=rules, rules=(admins,))))
    w.sign_up()
    session = w.sign_in().session
    synced = begin(w, session)
    assert isinstance(w.calls.confirm_factor(synced.ticket, made(soft(), synced), context=w.context()), Refused)
    add(w, session, key)

    outcome = alone(w, key)
    assert outcome.info.level is AssuranceLevel.AAL3
    assert isinstance(w.calls.authorize(outcome.session, Action.EXPORT_DATA, context=w.context()), Allowed)


def test_a_session_steps_up_by_passkey():
    """M-120: by one that the rule asks for, and by no other."""
    w = a_world()
    key, session = guarded(w)
    app, session = w.enroll(session)
    ruled(w, Rule(PHISHING_RESISTANT, actions=Action.EXPORT_DATA, max_age=timedelta(minutes=5)))
    weak = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    by_app = w.calls.verify_factor(weak.ticket, app.code(w.clock()), context=w.context())
    assert isinstance(by_app, SignedIn), by_app
    asked = w.calls.authorize(by_app.session, Action.EXPORT_DATA, context=w.context())
    assert isinstance(asked, FactorRequired), asked
    assert [one.kind for one in asked.factors] == [FactorKind.PASSKEY]
    w.clock.advance(seconds=30)
    code = w.calls.verify_factor(asked.ticket, app.code(w.clock()), context=w.context())
    assert not isinstance(code, SignedIn), code
    again = w.calls.authorize(by_app.session, Action.EXPORT_DATA, context=w.context())

    stepped = prove(w, key, again)
    assert isinstance(stepped, SignedIn), stepped
    assert isinstance(w.calls.authorize(stepped.session, Action.EXPORT_DATA, context=w.context()), Allowed)
    # What was asked for a step up signs nobody in, and the other way round.
    other = due(w)
    third = w.calls.authorize(by_app.session, Action.EXPORT_DATA, context=w.context())
    crossed = signed(key, {**other.passkey, "challenge": again.passkey["challenge"]})
    assert isinstance(w.calls.verify_factor(other.ticket, crossed, context=w.context()), Refused)
    assert not isinstance(third, Allowed)


def test_a_passkey_guards_the_reset(w):
    key, _ = guarded(w)
    asked = w.calls.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    assert isinstance(asked, FactorRequired)
    assert asked.passkey is not None

    proof = prove(w, key, asked)
    assert isinstance(proof, ProofAccepted), proof
    changed = w.calls.redeem_reset(ResumeTicket(proof.ticket), NEW, context=w.context())
    assert isinstance(changed, PasswordChanged)
    assert isinstance(prove(w, key, due(w, NEW)), SignedIn)


def test_who_lost_every_passkey_has_them_taken_off_by_what_the_policy_takes():
    paths = (
        RecoveryPath({Proof.MAIL, Proof.FACTOR}, level=AssuranceLevel.AAL2),
        RecoveryPath({Proof.MAIL, Proof.RECOVERY_CODE}, gives=Capability.FACTORS, level=AssuranceLevel.AAL2, wait=DAY),
    )
    w = a_world(base=evolve(CHEAPEST, recovery=RecoveryPolicy(paths=paths)))
    key, session = guarded(w)
    codes = w.calls.issue_recovery_codes(session, context=w.context()).codes
    w.clock.advance(days=30)  # nothing is held any more
    asked = w.calls.remove_lost_factors(ResetLink(w.reset_link()), context=w.context())
    assert isinstance(asked, FactorRequired), asked
    assert asked.passkey is None  # nothing that was lost helps here

    proof = w.calls.verify_factor(asked.ticket, RecoveryCode(codes[0]), context=w.context())
    assert isinstance(proof, ProofAccepted), proof
    waits = w.calls.remove_lost_factors(ResumeTicket(proof.ticket), context=w.context())
    assert isinstance(waits, Waiting), waits
    w.clock.advance(DAY)
    assert isinstance(w.calls.remove_lost_factors(ResumeTicket(waits.ticket), context=w.context()), FactorsRemoved)
    assert isinstance(alone(w, key), Refused)
    assert isinstance(w.sign_in(), SignedIn)


def test_a_passkey_is_renamed_listed_and_removed(w):
    key, session = guarded(w)
    factor = stored(w).id
    w.calls.rename_factor(session, factor, "Blue key", context=w.context())
    (info,) = w.calls.list_factors(session, context=w.context()).factors
    assert (info.name, info.method) == ("Blue key", "passkey")

    assert isinstance(w.calls.remove_factor(session, factor, context=w.context()), FactorRemoved)
    assert isinstance(alone(w, key), Refused)
    assert isinstance(w.sign_in(), SignedIn)


def test_nothing_secret_of_a_passkey_is_shown(w):
    key, session = guarded(w)
    asked = due(w)
    answer = signed(key, asked.passkey)
    shown = repr((asked, answer, w.calls.begin_passkey_sign_in(context=w.context()), begin(w, session)))

    assert asked.passkey["challenge"] not in shown
    assert answer.response["response"]["signature"] not in shown
    assert asked.ticket not in shown
