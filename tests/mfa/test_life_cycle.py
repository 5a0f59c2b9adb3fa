"""The life of a factor: reported, restored, replaced, removed; what rests on it, and the way out where none is left."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.museum.harness import NEW, SHORT, exhibit
from tests.places import STORES, USUAL

from acctsec import (
    AssuranceLevel,
    ConfigError,
    EnrollmentRequired,
    FactorAdded,
    FactorRemoved,
    FactorReported,
    FactorRequired,
    FactorRestored,
    FactorsRemoved,
    MessagePurpose,
    MfaPolicy,
    PasskeyPolicy,
    PasswordChanged,
    ProofAccepted,
    ProofRequired,
    RecoveryCode,
    RecoveryRequired,
    Refused,
    ReportReason,
    ResetLink,
    ResumeTicket,
    SessionEnded,
    SessionPolicy,
    SessionValid,
    SignedIn,
    Waiting,
    events,
)
from acctsec._blocking import run
from acctsec._codec import decode_record, encode_record
from acctsec._values import evolve as change
from acctsec.keyring import frame
from acctsec.mfa.actions import Action, Rule
from acctsec.mfa.needs import PHISHING_RESISTANT
from acctsec.outcomes import Allowed, ReauthenticationRequired
from acctsec.record import Passkey, Proof, Session
from acctsec.sessions import Lifetime
from acctsec.testing import Authenticator
from acctsec.testing.world import IDENTIFIER, PASSWORD

KEYS = PasskeyPolicy(rp_id="example.org", rp_name="Otterly", origins=("https://example.org",))
LOST, COMPROMISED = ReportReason.LOST, ReportReason.COMPROMISED


@pytest.fixture(params=[pytest.param(one, marks=() if one in USUAL else pytest.mark.deep) for one in STORES])
def place(request, places):
    made = places.fresh(request.param)
    yield made
    made.close()


@pytest.fixture
def w(place):
    return exhibit(place)


def record(w, subject="u1"):
    return decode_record(w.store.store.load(frame("subject", "", subject))[0])


def factors(w, session):
    return w.engine.list_factors(session, context=w.context()).factors


def first(w, session):
    return factors(w, session)[0].id


def report(w, session, factor, why=LOST):
    return w.engine.report_factor(session, factor, why, context=w.context())


def with_password(w, session, password=PASSWORD):
    """The session after the password was asked for, as reporting does."""
    asked = w.engine.authorize(session, Action.REPORT_FACTOR, context=w.context())
    assert isinstance(asked, ReauthenticationRequired), asked
    return w.engine.reauthenticate(asked.ticket, password, context=w.context())


def alive(w, session):
    return isinstance(w.engine.check_session(session, context=w.context()), SessionValid)


def level(w, session):
    return w.engine.check_session(session, context=w.context()).session.level


def later(w):
    """So late that no proof is fresh any more."""
    w.clock.advance(hours=1)


def two_apps(w):
    """A subject with two authenticators; answers both and the session."""
    app, _, session = w.guarded()
    other, session = w.enroll(session, name="tablet")
    return app, other, session


# --- lost -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ReportReason)
def test_who_lost_the_phone_reports_it_by_the_password_and_it_proves_nothing_at_once(w, why):
    app, _, _ = w.guarded()
    elsewhere = w.fully(app).session
    mine = w.fully(app)
    later(w)
    mine = with_password(w, mine.session)
    w.deliver()

    told = report(w, mine.session, first(w, mine.session), why)

    assert isinstance(told, FactorReported)
    assert told.factor.reported == why
    assert alive(w, told.session)
    assert level(w, told.session) is AssuranceLevel.AAL1
    assert level(w, elsewhere) is AssuranceLevel.AAL1  # it rested on that phone, too
    due = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    assert [one.kind for one in due.factors] == ["recovery-code"]  # it guards still
    assert w.engine.verify_factor(due.ticket, app.code(w.clock()), context=w.context()) == Refused()
    w.deliver()
    assert [one.why for one in w.sink.of(events.FactorInvalidated)] == [why]
    assert len(w.messenger.of(MessagePurpose.FACTOR_REPORTED)) == 1


def test_what_was_begun_with_the_phone_is_not_finished_once_it_is_reported(w):
    """A thief who found it, and knows the password or reads the mail, has tickets of ten minutes that rest on it."""
    app, _, _ = w.guarded()
    mine = w.fully(app).session
    later(w)
    theirs = w.fully(app).session
    begun = w.engine.enroll_totp(theirs, context=w.context())
    w.clock.advance(seconds=30)
    due = w.engine.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    resumed = w.engine.verify_factor(due.ticket, app.code(w.clock()), context=w.context())
    assert isinstance(resumed, ProofAccepted)

    assert isinstance(_reported_below_the_full_level(w, mine), FactorReported)

    w.clock.advance(seconds=30)
    code = Authenticator(begun).code(w.clock())
    assert w.engine.confirm_factor(begun.ticket, code, context=w.context()) == Refused()
    assert w.engine.redeem_reset(ResumeTicket(resumed.ticket), NEW, context=w.context()) == Refused()
    assert len(record(w).factors.totp) == 1


def test_a_sign_in_that_the_phone_had_begun_sets_nothing_up_once_it_is_reported(w):
    app, _, _ = w.guarded()
    mine = w.fully(app).session
    later(w)
    passkey = Rule(PHISHING_RESISTANT, actions={Action.SIGN_IN})
    w.restart(evolve(w.policy, mfa=evolve(w.policy.mfa, rules=(passkey,))))
    w.clock.advance(seconds=30)
    due = w.engine.verify_factor(w.ticket(), app.code(w.clock()), context=w.context())
    assert isinstance(due, EnrollmentRequired)
    assert isinstance(_reported_below_the_full_level(w, mine), FactorReported)

    assert w.engine.enroll_totp(due.ticket, context=w.context()) == Refused()


def _reported_below_the_full_level(w, session):
    """By an owner who shows the password, and so ends nothing."""
    factor = first(w, session)
    return report(w, with_password(w, session).session, factor)


def test_a_session_without_the_password_and_a_password_without_a_session_report_nothing(w):
    app, _, _ = w.guarded()
    session = w.fully(app).session
    factor, before = first(w, session), record(w)
    later(w)
    ticket = w.ticket()

    for token in (session, ticket, "", None, "x" * 999):
        assert report(w, token, factor) == Refused()

    assert record(w).factors == before.factors
    wrong = with_password(w, session, "a wrong password here")
    assert wrong == Refused()
    assert report(w, session, factor) == Refused()


def test_a_thief_in_a_session_with_the_password_gains_nothing_and_throws_nobody_out(w):
    """He can do what he could: the factor guards, changes ask for it, the owner's sessions and what waits go on."""
    app, codes, _session = w.guarded()
    owners, stolen = w.fully(app).session, w.fully(app).session
    later(w)
    link = w.reset_link()
    stolen = with_password(w, stolen).session
    stolen = report(w, stolen, first(w, stolen)).session

    assert alive(w, owners)
    assert w.engine.enroll_totp(stolen, context=w.context()) == Refused()
    assert w.engine.remove_factor(stolen, first(w, stolen), context=w.context()) == Refused()
    assert w.engine.restore_factor(stolen, first(w, stolen), context=w.context()) == Refused()
    assert w.engine.issue_recovery_codes(stolen, context=w.context()) == Refused()
    assert not isinstance(w.engine.authorize(stolen, Action.CHANGE_PASSWORD, context=w.context()), Allowed)
    due = w.engine.redeem_reset(ResetLink(link), NEW, context=w.context())  # the owner's recovery goes on
    assert isinstance(due, FactorRequired)
    proof = w.engine.verify_factor(due.ticket, RecoveryCode(codes[0]), context=w.context())
    assert isinstance(proof, ProofAccepted)
    assert isinstance(w.engine.redeem_reset(ResumeTicket(proof.ticket), NEW, context=w.context()), PasswordChanged)


def test_who_showed_another_factor_ends_all_other_sessions_by_a_report(w):
    app, codes, _ = w.guarded()
    old = w.fully(app).session
    due = w.ticket()
    mine = w.engine.verify_factor(due, RecoveryCode(codes[0]), context=w.context()).session

    told = report(w, mine, first(w, mine))

    assert isinstance(told, FactorReported)
    assert not alive(w, old)
    assert not alive(w, mine)
    assert level(w, told.session) is AssuranceLevel.AAL2
    assert isinstance(w.engine.remove_factor(told.session, first(w, told.session), context=w.context()), FactorRemoved)


def test_who_has_the_phone_still_and_fears_a_copy_ends_all_other_sessions_and_is_at_aal1_himself(w):
    app, _, _ = w.guarded()
    thiefs = w.fully(app).session
    mine = w.fully(app).session
    told = report(w, mine, first(w, mine), COMPROMISED)
    assert not alive(w, thiefs)
    assert level(w, told.session) is AssuranceLevel.AAL1
    assert w.engine.enroll_totp(told.session, context=w.context()) == Refused()


def test_asked_again_a_report_is_the_same_and_tells_nobody_twice(w):
    app, _, _ = w.guarded()
    session = w.fully(app).session
    factor = first(w, session)
    told = report(w, session, factor)
    again = report(w, told.session, factor)
    w.deliver()

    assert (again.factor, alive(w, again.session)) == (told.factor, True)
    assert len(w.sink.of(events.FactorInvalidated)) == len(w.messenger.of(MessagePurpose.FACTOR_REPORTED)) == 1


def test_lost_may_become_compromised_and_never_the_other_way_round(w):
    app, _, _ = w.guarded()
    session = w.fully(app).session
    factor = first(w, session)
    session = report(w, session, factor, LOST).session
    session = report(w, session, factor, COMPROMISED).session
    assert report(w, session, factor, LOST) == Refused()
    assert record(w).factors.factor(factor).reported == "compromised"


def test_a_reason_that_is_none_is_the_callers_mistake(w):
    _app, _, session = w.guarded()
    for why in ("lost", None, "stolen"):
        with pytest.raises(ConfigError) as refused:
            report(w, session, first(w, session), why)
        assert refused.value.remedy


# --- found again ------------------------------------------------------------------------------------------------------


def test_a_phone_that_was_found_proves_again_after_another_factor_said_so(w):
    app, other, session = two_apps(w)
    lost = first(w, session)
    session = report(w, session, lost).session
    assert w.engine.restore_factor(session, lost, context=w.context()) == Refused()  # which app it was nobody knows any more
    mine = w.fully(other)
    assert isinstance(mine, SignedIn)
    w.deliver()

    restored = w.engine.restore_factor(mine.session, lost, context=w.context())

    assert isinstance(restored, FactorRestored)
    assert restored.factor.reported == ""
    assert not alive(w, mine.session)
    assert alive(w, restored.session)
    assert isinstance(w.fully(app), SignedIn)
    w.deliver()
    assert len(w.sink.of(events.FactorRevived)) == len(w.messenger.of(MessagePurpose.FACTOR_RESTORED)) == 1


def test_a_compromised_factor_never_comes_back(w):
    _, other, session = two_apps(w)
    gone = first(w, session)
    report(w, session, gone, COMPROMISED)
    mine = w.fully(other).session
    assert w.engine.restore_factor(mine, gone, context=w.context()) == Refused()
    assert w.engine.restore_factor(mine, first(w, mine), context=w.context()) == Refused()


def test_a_factor_that_was_never_reported_is_not_restored(w):
    _, _, session = w.guarded()
    assert w.engine.restore_factor(session, first(w, session), context=w.context()) == Refused()


# --- the way out ------------------------------------------------------------------------------------------------------


def test_with_every_factor_reported_a_printed_code_and_mail_lead_out(w):
    """No dead end: what is offered can be shown, and remove_lost_factors leads somewhere."""
    app, codes, _ = w.guarded()
    session = w.fully(app).session
    report(w, session, first(w, session))
    later(w)
    handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    w.deliver()

    asked = w.engine.remove_lost_factors(ResetLink(w.messenger.link), context=w.context())
    assert isinstance(asked, FactorRequired)
    assert [one.kind for one in asked.factors] == ["recovery-code"]
    other_way = w.engine.redeem_reset(RecoveryCode(codes[1], handle), NEW, context=w.context())
    assert isinstance(other_way, ProofRequired)  # not a factor that is lost
    assert frozenset({"mail"}) in other_way.paths
    proof = w.engine.verify_factor(asked.ticket, RecoveryCode(codes[0]), context=w.context())
    waits = w.engine.remove_lost_factors(ResumeTicket(proof.ticket), context=w.context())
    assert isinstance(waits, Waiting)
    w.clock.advance(days=1)
    assert isinstance(w.engine.remove_lost_factors(ResumeTicket(waits.ticket), context=w.context()), FactorsRemoved)
    again = w.sign_in()
    assert isinstance(w.enroll(again.session)[0], Authenticator)


def test_a_printed_code_beside_the_mail_sets_a_password_where_every_factor_is_reported(w):
    app, codes, _ = w.guarded()
    session = w.fully(app).session
    report(w, session, first(w, session))
    link = w.reset_link()
    handle = w.engine.request_reset(IDENTIFIER, context=w.context()).handle
    due = w.engine.redeem_reset(RecoveryCode(codes[0], handle), NEW, context=w.context())
    assert isinstance(due, ProofRequired)
    assert isinstance(w.engine.redeem_reset(ResetLink(link, due.ticket), NEW, context=w.context()), PasswordChanged)


def test_without_codes_nothing_is_offered_that_is_lost(w):
    w.sign_up()
    _app, session = w.enroll(w.sign_in().session)
    report(w, session, first(w, session))
    due = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    assert due == RecoveryRequired()
    asked = w.engine.remove_lost_factors(ResetLink(w.reset_link()), context=w.context())
    assert not isinstance(asked, FactorRequired)


# --- the service's own incident ----------------------------------------------------------------------------------------


def test_the_service_reports_a_factor_and_every_session_ends(w):
    app, _, _session = w.guarded()
    one, other = w.fully(app), w.fully(app)
    factor = first(w, one.session)

    assert type(w.engine.admin.report_factor("u1", factor, COMPROMISED, actor="ops")).__name__ == "Acted"
    assert type(w.engine.admin.report_factor("u1", factor, COMPROMISED, actor="ops")).__name__ == "Acted"

    assert not alive(w, one.session)
    assert not alive(w, other.session)
    assert w.engine.admin.report_factor("u1", "0" * 16, COMPROMISED, actor="ops") == Refused()
    assert w.engine.admin.report_factor("u1", factor, LOST, actor="ops") == Refused()
    w.deliver()
    assert [(one.actor, one.why) for one in w.sink.of(events.FactorInvalidated)] == [("ops", "compromised")]
    with pytest.raises(ConfigError):
        w.engine.admin.report_factor("u1", factor, LOST, actor="")


# --- whose it is ------------------------------------------------------------------------------------------------------


def test_m137_the_factor_of_somebody_else_is_unknown(w):
    app, _, session = w.guarded()
    _, _, theirs = w.guarded("u2", "bob@example.org")
    foreign, own = first(w, theirs), first(w, session)
    session = w.fully(app).session
    unknown = [
        lambda factor: report(w, session, factor),
        lambda factor: w.engine.restore_factor(session, factor, context=w.context()),
        lambda factor: w.engine.remove_factor(session, factor, context=w.context()),
        lambda factor: w.engine.rename_factor(session, factor, "mine", context=w.context()),
    ]
    for operation in unknown:
        for factor in (foreign, "0" * 16, "", "recovery", None, 7, own.upper() + "0"):
            assert operation(factor) == Refused(), factor
    started = w.engine.enroll_totp(session, replaces=foreign, context=w.context())
    new = Authenticator(started)
    assert w.engine.confirm_factor(new.ticket, new.code(w.clock()), context=w.context()) == Refused()
    assert [one.reported for one in record(w, "u2").factors] == [""]


# --- replaced ---------------------------------------------------------------------------------------------------------


def replace(w, session, factor):
    started = w.engine.enroll_totp(session, name="new phone", replaces=factor, context=w.context())
    app = Authenticator(started)
    done = w.engine.confirm_factor(app.ticket, app.code(w.clock()), context=w.context())
    w.clock.advance(seconds=30)
    return app, done


@pytest.mark.parametrize("required", [False, True])
def test_a_new_phone_takes_the_place_of_the_old_one_in_one_step(place, required):
    w = exhibit(place, policy=evolve(SHORT, mfa=MfaPolicy(required_groups={"staff"} if required else ())))
    old, _, session = w.guarded()
    if required:
        w.directory.put(evolve(w.directory.get("", "u1"), groups=frozenset({"staff"})))
    w.deliver()

    new, done = replace(w, session, first(w, session))

    assert isinstance(done, FactorAdded)
    assert [one.name for one in record(w).factors] == ["new phone"]
    assert record(w).factors.recovery is not None
    assert isinstance(w.fully(new), SignedIn)
    ticket = w.ticket()
    assert w.engine.verify_factor(ticket, old.code(w.clock()), context=w.context()) == Refused()
    w.deliver()
    assert len(w.sink.of(events.FactorEnrolled)) == 2
    assert len(w.sink.of(events.FactorDropped)) == 1
    for purpose in (MessagePurpose.FACTOR_ADDED, MessagePurpose.FACTOR_REMOVED):
        assert w.messenger.of(purpose)


def test_a_factor_may_be_replaced_where_the_policy_asks_for_more_than_there_was(w):
    """The policy was tightened after enrolment: a new phone is no worse than the old one."""
    app, _, session = w.guarded()
    w.restart(
        evolve(w.policy, mfa=MfaPolicy(grace=timedelta(days=14), rules=(Rule(PHISHING_RESISTANT, actions=Action.SIGN_IN),)))
    )
    session = w.fully(app).session
    _, done = replace(w, session, first(w, session))
    assert isinstance(done, FactorAdded)


def test_a_lost_factor_can_be_removed_or_replaced_and_the_last_that_proves_something_cannot(w):
    _, other, session = two_apps(w)
    lost, kept = (one.id for one in factors(w, session) if one.kind == "totp")
    report(w, session, lost)
    session = w.fully(other).session

    assert w.engine.remove_factor(session, kept, context=w.context()) == Refused()  # what is lost would guard alone
    removed = w.engine.remove_factor(session, lost, context=w.context())
    assert isinstance(removed, FactorRemoved)
    assert isinstance(w.engine.remove_factor(removed.session, kept, context=w.context()), FactorRemoved)


def planted(w, session, **factor):
    """A passkey beside what there is, and the session as one that has just proven it."""
    passkey = Passkey(id="f" * 16, name="key", credential=b"c", key=b"k", created=w.clock(), verified=True)
    stored = w.store.store.load(frame("subject", "", "u1"))
    past = decode_record(stored[0])
    proofs = (Proof.of("password", w.clock()), Proof.of("passkey-bound", w.clock()))
    sessions = tuple(change(one, proofs=proofs, level=AssuranceLevel.AAL3) for one in past.sessions)
    after = change(past, factors=change(past.factors, totp=()).with_factor(passkey), sessions=sessions)
    w.store.store.commit(frame("subject", "", "u1"), stored[1], encode_record(after), [], b"\0" * 16)
    assert level(w, session) is AssuranceLevel.AAL3
    return passkey.id


def test_a_session_that_would_live_longer_at_a_lower_level_is_over_but_for_the_one_that_reports(w):
    app, _, _ = w.guarded()
    elsewhere, mine = w.fully(app).session, w.fully(app).session
    later(w)
    mine = with_password(w, mine).session
    w.restart(evolve(w.policy, sessions=SessionPolicy(aal2=Lifetime(absolute=timedelta(hours=20), idle=timedelta(hours=2)))))
    told = report(w, mine, first(w, mine))
    assert alive(w, told.session)
    assert not alive(w, elsewhere)


def test_what_was_proven_by_a_factor_that_was_replaced_counts_no_more(w):
    _, _, session = w.guarded()
    passkey = planted(w, session)
    _, done = replace(w, session, passkey)
    (mine,) = record(w).sessions
    assert level(w, done.session) is AssuranceLevel.AAL2
    assert sorted(one.method for one in mine.proofs) == ["password", "totp"]


def test_a_replacement_is_never_less_than_the_rules_ask_for(w):
    _, _, session = w.guarded()
    passkey = planted(w, session)
    w.restart(evolve(w.policy, mfa=MfaPolicy(passkeys=KEYS, rules=(Rule(PHISHING_RESISTANT, actions=Action.SIGN_IN),))))
    _, done = replace(w, session, passkey)
    assert done == Refused()
    assert [one.id for one in record(w).factors] == [passkey]


def test_a_lost_factor_that_has_long_been_there_spares_a_thiefs_own_no_wait(w):
    """An address is taken off at once by who shows a factor that has been there for days: one that proves nothing is not it."""
    both = ("alice@example.org", "second@example.org")
    w.guarded()
    w.directory.put(evolve(w.directory.get("", "u1"), addresses=both))
    old = record(w).factors.totp[0].id
    w.clock.advance(days=10)
    ticket = w.ticket()
    assert ticket
    w.engine.admin.report_factor("u1", old, LOST, actor="ops")
    stored = w.store.store.load(frame("subject", "", "u1"))
    past = decode_record(stored[0])
    fresh = Passkey(id="f" * 16, name="key", credential=b"c", key=b"k", created=w.clock(), verified=True)
    proofs = (Proof.of("password", w.clock()), Proof.of("passkey-bound", w.clock()))
    mine = Session(id=b"s" * 16, level=AssuranceLevel.AAL3, created=w.clock(), authenticated=w.clock(), proofs=proofs)
    after = change(past, factors=past.factors.with_factor(fresh), sessions=(mine,))
    w.store.store.commit(frame("subject", "", "u1"), stored[1], encode_record(after), [], b"\0" * 16)
    scene, _ = run(w.engine._flows.core.enter("", "u1"))
    token = w.engine._flows.core.tokens.session(scene, after, mine)
    assert isinstance(w.engine.remove_address(token, both[1], context=w.context()), Waiting)


def test_removal_asks_whether_what_is_left_is_enough_for_the_rules(w):
    _app, _, _session = w.guarded()
    passkey = Passkey(id="f" * 16, name="key", credential=b"c", key=b"k", created=w.clock(), verified=True)
    before = w.store.store.load(frame("subject", "", "u1"))
    past = decode_record(before[0])
    after = change(past, factors=past.factors.with_factor(passkey))
    w.store.store.commit(frame("subject", "", "u1"), before[1], encode_record(after), [], b"\0" * 16)
    w.restart(evolve(w.policy, mfa=MfaPolicy(passkeys=KEYS, rules=(Rule(PHISHING_RESISTANT, actions=Action.SIGN_IN),))))
    app_id = next(one.id for one in record(w).factors.totp)

    assert w.policy.mfa.remove(record(w).factors, passkey.id, groups=frozenset()) is None
    left = w.policy.mfa.remove(record(w).factors, app_id, groups=frozenset())
    assert [one.id for one in left] == [passkey.id]
    stricter = MfaPolicy(required=True, passkeys=KEYS)
    reported = stricter.report(left, passkey.id, LOST)
    assert stricter.remove(reported, passkey.id, groups=frozenset()) is None  # it is the last that guards


def test_enrolment_by_a_ticket_leads_on_after_everything_was_lost_and_recovered(place):
    w = exhibit(place, policy=evolve(SHORT, mfa=MfaPolicy(required=True)))
    w.sign_up()
    due = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    assert isinstance(due, EnrollmentRequired)
    _, session = w.enroll(due.ticket)
    report(w, session, first(w, session))
    due = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    assert due == RecoveryRequired()  # never the enrolment of another: the password alone is not the owner
    assert isinstance(w.engine.check_session("x", context=w.context()), SessionEnded)
