"""What recovery promises, rule by rule: on every store, by both faces."""

import pytest
from attrs import evolve
from tests.recovery.stage import DAY, DEFAULT, HOME, NEW, NEWER, OLD, PHONE, SLOW, SUBJECT, WORK

from acctsec import (
    WORKFORCE_DEFAULT,
    ChangeCancelled,
    CurrentPassword,
    FactorRequired,
    FreshSession,
    Initial,
    MessagePurpose,
    PasswordChanged,
    ProofRequired,
    RecoveryCode,
    RecoveryCodes,
    Refused,
    ResetCode,
    ResetLink,
    ResumeTicket,
    SessionEnded,
    SignedIn,
    Vetoed,
    VetoPending,
    Waiting,
)
from acctsec._flows.reset_proofs import ResetProofs
from acctsec._values import evolve as evolved
from acctsec.outcomes import ChangeKind, FactorAdded, FactorRemoved, FactorsRemoved, ResetRequested
from acctsec.record import Factors
from acctsec.recovery import Capability, Proof, RecoveryPath, RecoveryPolicy
from acctsec.testing.doubles import Authenticator
from acctsec.testing.world import PASSWORD

KEEPING = evolve(DEFAULT, recovery=RecoveryPolicy(keep_devices=True))
WORKFORCE = evolve(DEFAULT, recovery=WORKFORCE_DEFAULT.recovery)
STAFF = evolve(DEFAULT, recovery=RecoveryPolicy(groups={"staff": ()}))
QUICK = evolve(
    DEFAULT,
    recovery=RecoveryPolicy(
        paths=(
            RecoveryPath({Proof.MAIL}),
            RecoveryPath({Proof.TEXT, Proof.FACTOR}, level=2),
            RecoveryPath({Proof.MAIL, Proof.ADMINISTRATORS}, level=2),
        ),
        weaker_than_sign_in=True,
    ),
)
"""One in which whoever got in by mail goes on by texts and an app of his own, as often as he likes, and each time it can be vetoed."""
HOLD = DEFAULT.recovery.veto_window


def enroll(alice, session):
    """Set up one more authenticator; answers it and the session that goes on."""
    app = Authenticator(alice.act("enroll_totp", session))
    added = alice.act("confirm_factor", app.ticket, app.code(alice.clock()))
    assert isinstance(added, FactorAdded), added
    return app, added.session


def whole(alice):
    """Everything of the record but which commits wrote it."""
    return evolved(alice.record, commits=())


# --- a path gives what it proved ---------------------------------------------------------------------------------------


def test_mail_alone_changes_the_password_of_a_subject_without_a_factor(on):
    with on() as alice:
        assert isinstance(alice.by_mail(), PasswordChanged)
        assert alice.opens(NEW)
        assert not alice.opens(PASSWORD)


def test_mail_alone_changes_nothing_where_a_factor_is_live(on):
    with on(factor=True) as alice:
        link = ResetLink(alice.link())
        before = whole(alice)
        assert isinstance(alice.redeem(link), FactorRequired)
        assert whole(alice) == before
        assert isinstance(alice.by_mail_and_app(), PasswordChanged)


def test_a_text_is_as_much_as_a_mail_and_no_more(on):
    with on() as alice:
        handle = alice.act("request_reset", PHONE).handle
        alice.world.deliver()
        assert isinstance(alice.redeem(ResetCode(handle, alice.world.messenger.code)), PasswordChanged)
    with on(factor=True) as alice:
        handle = alice.act("request_reset", PHONE).handle
        alice.world.deliver()
        assert isinstance(alice.redeem(ResetCode(handle, alice.world.messenger.code)), FactorRequired)


def test_a_printed_code_begins_a_recovery_and_never_ends_one_alone(on):
    with on(codes=True) as alice:
        handle, printed = alice.act("request_reset", HOME).handle, alice.codes.pop()
        asked = alice.redeem(RecoveryCode(printed, handle))
        assert isinstance(asked, FactorRequired)
        assert alice.record.verifier.born == 1
        assert isinstance(alice.redeem(RecoveryCode(printed, handle)), Refused), "it is used up"
        again = alice.act("verify_factor", asked.ticket, RecoveryCode(alice.codes.pop()))
        assert not isinstance(alice.redeem(ResumeTicket(again.ticket)), PasswordChanged), "two of one kind prove no more than one"


def test_who_lost_the_authenticator_hears_what_else_would_do(on):
    with on(factor=True) as alice:
        asked = alice.act("remove_lost_factors", ResetLink(alice.link()))
        assert isinstance(asked, ProofRequired)
        assert asked.paths == (frozenset({"administrators"}),), "no code was printed, and there are no contacts"
        assert alice.record.factors.live


@pytest.mark.parametrize("known", [True, False])
def test_a_known_device_keeps_nobody_from_showing_a_factor(on, known):
    with on(codes=True) as alice:
        device = alice.device if known else None
        asked = alice.by_mail(device=device)
        proof = alice.prove(asked, alice.code())
        assert isinstance(alice.redeem(proof, device=device), PasswordChanged)


def test_factors_fall_after_a_wait_and_the_password_stays(on):
    with on(codes=True) as alice:
        session = alice.sign_in(device=alice.device).session
        waits = alice.by_mail_and_code("remove_lost_factors")
        assert isinstance(waits, Waiting)
        assert waits.until == alice.clock() + DAY
        alice.clock.advance(DAY)
        assert isinstance(alice.act("remove_lost_factors", ResumeTicket(waits.ticket)), FactorsRemoved)
        record = alice.record
        assert record.factors == Factors(generation=1), "none is left, and no generation of codes comes again"
        assert (record.sessions, record.devices) == ((), ())
        assert isinstance(alice.act("check_session", session), SessionEnded)
        alice.app = None
        assert isinstance(alice.sign_in(), SignedIn)


def test_nobody_takes_off_factors_that_are_not_there(on):
    with on() as alice:
        link = alice.vouched(ResetLink(alice.link()), "contacts")
        assert isinstance(alice.act("remove_lost_factors", link), Refused)
        assert not alice.record.changes


# --- a wait ------------------------------------------------------------------------------------------------------------


def test_what_waits_changes_nothing_before_its_time_nor_after_its_end(on):
    with on(policy=SLOW) as alice:
        waits = alice.by_mail()
        assert isinstance(waits, Waiting)
        before = alice.record.verifier
        for step in (DAY, DAY - alice.world.policy.sessions.fresh):
            alice.clock.advance(step)
            assert alice.redeem(ResumeTicket(waits.ticket)) == waits, "the same answer, and no new wait"
            assert alice.record.verifier == before
        alice.clock.advance(waits.until - alice.clock())
        assert isinstance(alice.redeem(ResumeTicket(waits.ticket)), PasswordChanged)
        assert isinstance(alice.redeem(ResumeTicket(waits.ticket), NEWER), Refused), "it is good once"
    with on(policy=SLOW) as alice:
        waits = alice.by_mail()
        alice.clock.advance(2 * DAY + alice.world.policy.recovery.claim)
        assert isinstance(alice.redeem(ResumeTicket(waits.ticket)), Refused)
        assert alice.record.verifier.born == 1


def test_what_waits_holds_no_password(on):
    with on(policy=SLOW) as alice:
        waits = alice.by_mail(password=NEW)
        assert NEW not in repr(whole(alice))
        assert NEW.encode() not in waits.ticket.encode()
        alice.clock.advance(2 * DAY)
        assert isinstance(alice.redeem(ResumeTicket(waits.ticket), NEWER), PasswordChanged)
        assert alice.opens(NEWER)
        assert not alice.opens(NEW)


def test_a_second_request_from_the_same_mailbox_begins_the_wait_anew(on):
    with on(policy=SLOW) as alice:
        first = alice.by_mail()
        alice.clock.advance(DAY)
        second = alice.by_mail()
        assert second.until == alice.clock() + 2 * DAY
        assert len(alice.record.changes) == 1
        alice.clock.advance(DAY)
        assert isinstance(alice.redeem(ResumeTicket(first.ticket)), Refused), "the first was given up for it"
        alice.clock.advance(DAY)
        assert isinstance(alice.redeem(ResumeTicket(second.ticket)), PasswordChanged)


def test_asking_from_one_mailbox_keeps_no_other_from_its_own_wait(on):
    with on(policy=SLOW, codes=True) as alice:
        for _ in range(2):
            assert isinstance(alice.by_mail_and_code(), Waiting)
            assert isinstance(alice.by_mail_and_code("remove_lost_factors"), Waiting)
            alice.clock.advance(alice.world.policy.reset.link_lifetime)
        theirs = {one.id for one in alice.record.changes}
        mine = alice.by_mail_and_code(address=WORK)
        assert isinstance(mine, Waiting)
        assert theirs < {one.id for one in alice.record.changes}, "nor does it push out what waits"


def test_a_link_that_began_a_wait_is_used_up(on):
    with on(policy=SLOW) as alice:
        link = ResetLink(alice.link())
        assert isinstance(alice.redeem(link), Waiting)
        assert isinstance(alice.redeem(link), Refused)


def test_a_known_device_need_not_wait_where_the_policy_says_so(on):
    with on(policy=SLOW) as alice:
        device = alice.sign_in().device
        assert isinstance(alice.by_mail(device=device), PasswordChanged)


def test_what_waited_is_weighed_again_by_what_is_true_then(on):
    with on(policy=SLOW) as alice:
        waits = alice.by_mail()
        enroll(alice, alice.sign_in().session)
        alice.clock.advance(2 * DAY)
        assert isinstance(alice.redeem(ResumeTicket(waits.ticket)), Refused)
        assert alice.record.verifier.born == 1


def test_who_asked_for_one_thing_does_not_get_another_by_its_ticket(on):
    with on(policy=SLOW, codes=True) as alice:
        waits = alice.by_mail_and_code()
        alice.clock.advance(DAY)
        assert isinstance(alice.act("remove_lost_factors", ResumeTicket(waits.ticket)), Refused)
        assert alice.record.factors.live


def test_what_began_under_suspicion_can_be_vetoed_though_nothing_speaks_against_it_later(on, monkeypatch):
    with on(codes=True) as alice:
        monkeypatch.setattr(ResetProofs, "_abroad", lambda *_: True)
        waits = alice.by_mail_and_code()
        assert isinstance(waits, Waiting)
        monkeypatch.setattr(ResetProofs, "_abroad", lambda *_: False)
        alice.clock.advance(waits.until - alice.clock())
        assert isinstance(alice.redeem(ResumeTicket(waits.ticket)), PasswordChanged)
        assert isinstance(alice.act("veto", alice.veto_from()), Vetoed)


def test_a_mailbox_that_was_taken_off_the_account_gets_nothing_of_what_it_waited_for(on):
    with on(policy=SLOW) as alice:
        waits = alice.by_mail(WORK)
        alice.world.directory.change(SUBJECT, addresses=(HOME, PHONE))
        alice.clock.advance(2 * DAY)
        assert isinstance(alice.redeem(ResumeTicket(waits.ticket)), Refused)


# --- notices -----------------------------------------------------------------------------------------------------------


def test_every_address_is_told_of_what_waits_and_what_is_made_and_can_stop_it(on):
    with on(policy=SLOW) as alice:
        alice.told_a_while()
        alice.mail()
        waits = alice.by_mail()
        told = [one for one in alice.mail() if one.purpose is MessagePurpose.CHANGE_WAITING]
        assert {one.address for one in told} == {HOME, WORK, PHONE, OLD}
        assert all((one.veto is None) == (one.address == PHONE) for one in told), "a text has no room for a veto"
        assert all(one.until == waits.until for one in told)
        alice.clock.advance(2 * DAY)
        alice.redeem(ResumeTicket(waits.ticket))
        told = [one for one in alice.mail() if one.purpose is MessagePurpose.PASSWORD_CHANGED]
        assert {one.address for one in told} == {HOME, WORK, PHONE, OLD}
        assert all((one.veto is None) == (one.address == PHONE) for one in told)


def test_a_change_proven_with_a_live_factor_is_told_and_cannot_be_vetoed(on):
    with on(factor=True) as alice:
        alice.mail()
        assert isinstance(alice.by_mail_and_app(), PasswordChanged)
        told = [one for one in alice.mail() if one.purpose is MessagePurpose.PASSWORD_CHANGED]
        assert {one.address for one in told} == {HOME, WORK, PHONE}
        assert not any(one.veto for one in told)
        assert not alice.record.changes


# --- a veto ------------------------------------------------------------------------------------------------------------


def test_a_veto_ends_sessions_drops_what_waits_and_lets_nobody_in(on):
    with on(policy=SLOW) as alice:
        session = alice.sign_in().session
        alice.by_mail()
        waits = alice.by_mail(WORK)
        before = alice.record.verifier
        assert isinstance(alice.act("veto", alice.veto_from(HOME)), Vetoed)
        record = alice.record
        assert (record.sessions, record.changes, record.resets, record.devices, record.networks) == ((), (), (), (), ())
        assert record.contest
        assert record.verifier == before, "it brings no password back, nor takes one"
        assert isinstance(alice.act("check_session", session), SessionEnded)
        assert not alice.opens(PASSWORD)
        alice.clock.advance(2 * DAY)
        assert isinstance(alice.redeem(ResumeTicket(waits.ticket)), Refused)
        assert MessagePurpose.CONTESTED in {one.purpose for one in alice.mail(WORK)}


def test_a_veto_is_good_once_and_in_its_window(on):
    with on() as alice:
        alice.by_mail()
        veto = alice.veto_from()
        assert isinstance(alice.act("inspect_veto", veto), VetoPending)
        assert isinstance(alice.act("veto", veto), Vetoed)
        assert isinstance(alice.act("inspect_veto", veto), Refused)
        assert isinstance(alice.act("veto", veto), Refused)
    with on() as alice:
        alice.by_mail()
        veto = alice.veto_from()
        alice.clock.advance(HOLD)
        assert isinstance(alice.act("veto", veto), Refused)
        assert not alice.record.contest


def test_a_veto_is_bound_to_no_epoch(on):
    with on() as alice:
        alice.by_mail()
        veto = alice.veto_from()
        session = alice.sign_in(NEW).session
        _, session = enroll(alice, session)
        alice.act("set_password", SUBJECT, NEWER, by=FreshSession(session))
        assert isinstance(alice.act("veto", veto), Vetoed)
        assert not alice.opens(NEWER)


def test_a_veto_dies_with_the_account_and_with_the_address_it_went_to(on):
    with on() as alice:
        alice.by_mail()
        veto = alice.veto_from(WORK)
        alice.world.directory.change(SUBJECT, addresses=(HOME, PHONE))
        assert isinstance(alice.act("veto", veto), Refused), "nobody is told there any more"
        alice.told_a_while(WORK)
        assert isinstance(alice.act("inspect_veto", veto), VetoPending), "but for a while somebody is"
        alice.calls.admin.erase(SUBJECT, actor="root")
        alice.act("set_password", SUBJECT, PASSWORD, by=Initial())
        assert isinstance(alice.act("veto", veto), Refused)


def test_looking_at_a_veto_changes_nothing_however_often_scanners_do(on):
    with on(policy=SLOW) as alice:
        waits = alice.by_mail()
        veto = alice.veto_from()
        before = alice.record
        for _ in range(5):
            seen = alice.act("inspect_veto", veto)
            assert seen == VetoPending(ChangeKind.PASSWORD, waits.until + alice.world.policy.recovery.claim)
        alice.world.deliver()
        assert alice.record == before


def test_a_contested_account_answers_the_right_password_as_a_wrong_one(on):
    with on() as alice:
        alice.by_mail()
        alice.act("veto", alice.veto_from())
        for asks in (
            lambda password: alice.act("set_password", SUBJECT, NEWER, by=CurrentPassword(password)),
            lambda password: alice.act("sign_in", HOME, password),
        ):
            alice.calls.admin.unlock(SUBJECT, actor="root")
            for number, password in enumerate((NEW, PASSWORD, "a wrong one altogether"), 1):
                assert asks(password) == Refused()
                lanes = {one.lane: one.failures for one in alice.calls.admin.lock_status(SUBJECT)}
                assert lanes["password/strangers"] == number, "each is counted as a wrong one is"


def test_no_reset_by_what_either_side_has_shown(on):
    with on(policy=SLOW, codes=True) as alice:
        assert isinstance(alice.slowly(), PasswordChanged)
        alice.act("veto", alice.veto_from())
        assert alice.record.contest.proofs == ("link", "recovery-code")
        assert not isinstance(alice.by_mail_and_code(address=WORK), PasswordChanged | Waiting)
        assert isinstance(alice.by_mail_and_app(NEWER), PasswordChanged), "the app is new"
        assert alice.record.contest is None
        assert alice.opens(NEWER)


def test_what_was_shown_for_any_change_that_is_open_settles_nothing(on):
    with on(policy=SLOW, codes=True) as alice:
        waits = alice.by_mail_and_code()
        link = alice.vouched(ResetLink(alice.link(WORK)), "contacts")
        assert isinstance(alice.redeem(link), Waiting)
        alice.act("veto", alice.veto_from(HOME))
        assert set(alice.record.contest.proofs) >= {"link", "recovery-code", "contacts"}
        assert isinstance(alice.redeem(ResumeTicket(waits.ticket)), Refused)
        link = alice.vouched(ResetLink(alice.link(WORK)), "contacts")
        assert not isinstance(alice.redeem(link), PasswordChanged | Waiting)


def test_what_was_set_up_since_the_change_does_not_count_and_is_gone_when_it_is_settled(on):
    with on() as alice:
        alice.by_mail()
        session = alice.sign_in(NEW).session
        alice.app, session = enroll(alice, session)
        alice.codes = list(alice.act("issue_recovery_codes", session).codes)
        alice.act("veto", alice.veto_from())
        asked = alice.by_mail(password=NEWER)
        assert isinstance(asked, ProofRequired), "neither his app nor his codes are asked for"
        code, printed = alice.code(), RecoveryCode(alice.codes.pop())
        assert isinstance(alice.act("verify_factor", asked.ticket, code), Refused)
        assert isinstance(alice.act("verify_factor", asked.ticket, printed), Refused)
        handle = alice.act("request_reset", HOME).handle
        assert isinstance(alice.redeem(RecoveryCode(alice.codes[0], handle)), Refused)
        link = alice.vouched(ResetLink(alice.link()), "administrators")
        assert isinstance(alice.redeem(link, NEWER), PasswordChanged)
        record = alice.record
        assert (record.contest, record.factors.totp, record.factors.recovery) == (None, (), None)
        alice.app = None
        assert isinstance(alice.sign_in(NEWER), SignedIn)


def test_beside_the_owners_own_app_that_of_a_thief_neither_counts_nor_is_asked_for(on):
    with on(policy=SLOW, codes=True) as alice:
        alice.slowly()
        asked = alice.act("sign_in", HOME, NEW)
        session = alice.act("verify_factor", asked.ticket, RecoveryCode(alice.codes.pop())).session
        his, _ = enroll(alice, session)
        alice.act("veto", alice.veto_from())
        asked = alice.by_mail(WORK)
        assert [one.id for one in asked.factors] == [alice.record.factors.totp[0].id], "his is not among them"
        alice.clock.advance(seconds=30)
        assert isinstance(alice.act("verify_factor", asked.ticket, his.code(alice.clock())), Refused)
        assert isinstance(alice.redeem(alice.prove(asked, alice.code()), NEWER), PasswordChanged)
        assert len(alice.record.factors.totp) == 1


@pytest.mark.parametrize("which", ["first", "last"])
def test_a_thief_who_changes_the_password_again_and_again_buries_nothing(on, which):
    with on(policy=QUICK) as alice:
        alice.by_mail()
        alice.mail()
        first = alice.veto_from()
        alice.app, _ = enroll(alice, alice.sign_in(NEW).session)
        for number in range(6):
            alice.clock.advance(hours=1)
            handle = alice.act("request_reset", PHONE).handle
            alice.world.deliver()
            proof = alice.prove(alice.redeem(ResetCode(handle, alice.world.messenger.code)), alice.code())
            assert isinstance(alice.redeem(proof, f"{NEW} number {number}"), PasswordChanged)
        veto = first if which == "first" else alice.veto_from()
        assert isinstance(alice.act("veto", veto), Vetoed)
        assert isinstance(alice.by_mail(), ProofRequired), "what he set up after the first of them does not count"


# --- who ends a wait ---------------------------------------------------------------------------------------------------


def test_an_owner_who_signs_in_fully_where_he_is_known_ends_what_waits(on):
    with on(policy=SLOW) as alice:
        device = alice.sign_in().device
        alice.clock.advance(minutes=2)
        waits = alice.by_mail()
        stranger = alice.sign_in()
        assert isinstance(stranger, SignedIn), "whoever has the password alone ends nothing"
        alice.clock.advance(minutes=2)
        assert isinstance(alice.sign_in(device=stranger.device), SignedIn), "nor by coming twice"
        assert alice.record.changes
        assert isinstance(alice.sign_in(device=device), SignedIn)
        assert not alice.record.changes
        assert MessagePurpose.CHANGE_DROPPED in {one.purpose for one in alice.mail(WORK)}
        alice.clock.advance(2 * DAY)
        assert isinstance(alice.redeem(ResumeTicket(waits.ticket)), Refused)


def test_so_does_one_who_shows_a_factor_anywhere(on):
    with on(policy=SLOW, codes=True) as alice:
        assert isinstance(alice.by_mail_and_code(), Waiting)
        asked = alice.act("sign_in", HOME, PASSWORD)
        assert alice.record.changes, "half a sign-in ends nothing"
        assert isinstance(alice.act("verify_factor", asked.ticket, alice.code()), SignedIn)
        assert not alice.record.changes


def test_a_change_is_cancelled_by_a_fresh_session_at_full_level_or_by_who_asked(on):
    with on(policy=SLOW, codes=True) as alice:
        stale = FreshSession(alice.sign_in().session)
        waits = alice.by_mail_and_code()
        other = alice.by_mail_and_code(address=WORK)
        alice.clock.advance(alice.world.policy.sessions.fresh)
        assert isinstance(alice.act("cancel_change", waits.change, by=stale), Refused)
        assert isinstance(alice.act("cancel_change", waits.change, by=ResumeTicket(other.ticket)), Refused)
        assert isinstance(alice.act("cancel_change", waits.change, by=ResumeTicket(waits.ticket)), ChangeCancelled)
        assert [one.id.hex() for one in alice.record.changes] == [other.change]
        assert isinstance(alice.act("cancel_change", waits.change, by=ResumeTicket(waits.ticket)), Refused)
        alice.clock.advance(DAY)
        assert isinstance(alice.redeem(ResumeTicket(waits.ticket)), Refused)
        assert isinstance(alice.redeem(ResumeTicket(other.ticket)), PasswordChanged)
    with on(policy=SLOW, codes=True) as alice:
        fresh = FreshSession(alice.sign_in().session)
        waits = alice.by_mail_and_code()
        assert isinstance(alice.act("cancel_change", waits.change, by=fresh), ChangeCancelled)
        assert not alice.record.contest, "unlike a veto it freezes nothing"


def test_what_was_made_is_not_cancelled(on):
    with on() as alice:
        alice.by_mail()
        made = alice.record.changes[0].id.hex()
        session = alice.sign_in(NEW).session
        assert [one.made for one in alice.act("list_changes", session).changes] == [alice.clock()]
        assert isinstance(alice.act("cancel_change", made, by=FreshSession(session)), Refused)


# --- nothing irreversible ----------------------------------------------------------------------------------------------


def test_while_a_change_can_be_vetoed_no_factor_falls_and_no_codes_are_replaced(on):
    with on(policy=SLOW, codes=True) as alice:
        assert isinstance(alice.slowly(), PasswordChanged)
        until = alice.clock() + HOLD
        session = alice.sign_in(NEW).session
        factor = alice.record.factors.totp[0].id
        assert alice.act("remove_factor", session, factor) == Waiting(until)
        assert alice.act("issue_recovery_codes", session) == Waiting(until)
        waits = alice.by_mail_and_code("remove_lost_factors")
        assert waits.until == until, "nor by a recovery, whose own wait is shorter"
        alice.clock.advance(until - alice.clock())
        session = alice.sign_in(NEW).session
        assert isinstance(alice.act("issue_recovery_codes", session), RecoveryCodes)
        session = alice.sign_in(NEW).session
        assert isinstance(alice.act("remove_factor", session, factor), FactorRemoved)


def test_factors_that_fall_by_a_live_one_wait_for_the_veto_as_well(on):
    with on(policy=SLOW, codes=True) as alice:
        waits = alice.by_mail_and_code()
        alice.clock.advance(DAY)
        assert isinstance(alice.redeem(ResumeTicket(waits.ticket)), PasswordChanged)
        until = alice.clock() + HOLD
        proof = alice.prove(alice.act("remove_lost_factors", ResetLink(alice.link())), alice.code())
        waits = alice.act("remove_lost_factors", proof)
        assert isinstance(waits, Waiting)
        assert waits.until == until
        alice.clock.advance(until - alice.clock())
        assert isinstance(alice.act("remove_lost_factors", ResumeTicket(waits.ticket)), FactorsRemoved)


# --- after a reset -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keeping", [True, False])
def test_after_a_recovery_nothing_of_before_works_and_nobody_is_signed_in(on, keeping):
    with on(policy=KEEPING if keeping else DEFAULT, factor=True) as alice:
        pending = alice.act("sign_in", HOME, PASSWORD)
        session = alice.sign_in(device=alice.device).session
        known = {one.id for one in alice.record.devices}
        changed = alice.by_mail_and_app()
        assert isinstance(changed, PasswordChanged)
        assert not alice.record.sessions
        assert isinstance(alice.act("check_session", session), SessionEnded)
        assert isinstance(alice.act("verify_factor", pending.ticket, alice.code()), Refused)
        assert bool(known & {one.id for one in alice.record.devices}) == keeping
        assert isinstance(alice.act("sign_in", HOME, NEW, device=changed.device), FactorRequired), "the factor is asked for still"


# --- no self-service ---------------------------------------------------------------------------------------------------


def test_who_has_no_self_service_hears_so_in_his_own_mailbox_and_outsiders_do_not(on):
    with on(policy=STAFF, groups={"staff"}) as alice:
        for number in range(9):
            assert isinstance(alice.act("request_reset", HOME), ResetRequested)
            assert isinstance(alice.act("request_reset", f"nobody-{number}@example.org"), ResetRequested)
        told = alice.mail()
        assert {(one.purpose, one.address) for one in told} == {(MessagePurpose.SELF_SERVICE_REFUSED, HOME)}
        assert not any(one.link or one.code or one.veto for one in told)
        assert len(told) == alice.world.policy.reset.per_subject.limit
        assert not alice.record.resets


@pytest.mark.parametrize("policy", [STAFF, WORKFORCE], ids=["no paths", "two administrators"])
def test_an_invitation_is_no_recovery(on, policy):
    """Who has no password yet sets the first one by the link that an administrator sent; once there is one, that is not enough."""
    with on(policy=policy, groups={"staff"}, password=None) as alice:
        links = []
        for _ in range(2):
            alice.calls.admin.initial_password(SUBJECT, actor="root")
            links += [one.link for one in alice.mail(HOME) if one.purpose is MessagePurpose.INITIAL_PASSWORD]
            alice.clock.advance(minutes=1)
        assert isinstance(alice.redeem(ResetLink(links[1])), PasswordChanged)
        assert isinstance(alice.act("veto", alice.veto_from()), Vetoed), "it is told as any change on mail alone"
    with on(policy=policy, groups={"staff"}) as alice:
        alice.calls.admin.initial_password(SUBJECT, actor="root")
        (link,) = [one.link for one in alice.mail(HOME) if one.link]
        assert not isinstance(alice.redeem(ResetLink(link)), PasswordChanged | Waiting)


def test_nor_does_a_printed_code_begin_anything_there(on):
    with on(policy=STAFF, groups={"staff"}, codes=True) as alice:
        handle = alice.act("request_reset", HOME).handle
        assert alice.redeem(RecoveryCode(alice.codes[0], handle)) == alice.redeem(RecoveryCode("0000-0000-0000-0000", handle))
        assert alice.record.factors.recovery.used == 0


def test_every_group_has_to_give_leave(on):
    paths = (RecoveryPath({Proof.MAIL, Proof.FACTOR}, level=2),)
    both = evolve(DEFAULT, recovery=RecoveryPolicy(groups={"staff": (), "guests": paths}))
    with on(policy=both, groups={"staff", "guests"}, factor=True) as alice:
        alice.act("request_reset", HOME)
        assert {one.purpose for one in alice.mail()} == {MessagePurpose.SELF_SERVICE_REFUSED}
    with on(policy=both, groups={"guests"}, factor=True) as alice:
        assert isinstance(alice.by_mail_and_app(), PasswordChanged)
        assert isinstance(alice.act("remove_lost_factors", ResetLink(alice.link())), Refused)
    assert Capability.FACTORS not in {one.gives for one in paths}
