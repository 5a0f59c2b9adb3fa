"""What a reviewer found who tried to break recovery: each was possible once."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.recovery.stage import DAY, DEFAULT, HOME, NEW, NEWER, OLD, PHONE, SLOW, SUBJECT, WORK

from acctsec import (
    SOCIAL_GUARDED,
    WORKFORCE_DEFAULT,
    AddressLink,
    FactorRequired,
    Initial,
    Keyring,
    MessagePurpose,
    PasswordChanged,
    ProofRequired,
    RecoveryCode,
    Refused,
    ResetCode,
    ResetLink,
    ResumeTicket,
    Vetoed,
    VetoPending,
    Waiting,
)
from acctsec.mfa import recovery
from acctsec.outcomes import AddressPending, AddressRemoved, AddressVerified, FactorRemoved
from acctsec.protocols import Account
from acctsec.recovery import Capability, Proof, RecoveryPath, RecoveryPolicy
from acctsec.testing.world import PASSWORD

SHORT = "kx9!vq2m"
"""Long enough beside a second factor, and there alone."""


def reached_by(alice, *addresses):
    """Let her have these addresses and no others."""
    alice.world.directory.put(evolve(alice.world.directory.get("", SUBJECT), addresses=addresses))


def remove(alice, address, password=PASSWORD):
    """Take an address off, as who has the password alone: it waits."""
    asked = alice.act("remove_address", alice.sign_in(password).session, address)
    assert isinstance(asked, Waiting), asked
    alice.clock.advance(asked.until - alice.clock())
    assert alice.act("remove_address", alice.sign_in(password).session, address) == AddressRemoved()
    alice.world.deliver()


def test_taking_an_address_off_pushes_out_nothing_that_can_be_vetoed(on):
    with on(policy=SLOW) as alice:
        reached_by(alice, HOME, WORK)
        waits = alice.by_mail(HOME)
        thief = alice.sign_in().session
        alice.act("add_address", thief, "mallory@thief.example")
        alice.world.deliver()
        link = AddressLink(alice.world.messenger.address_link)
        assert isinstance(alice.act("verify_address", link, session=thief), AddressVerified)
        alice.clock.advance(waits.until - alice.clock())
        assert isinstance(alice.redeem(ResumeTicket(waits.ticket)), PasswordChanged)
        veto, thief = alice.veto_from(WORK), alice.sign_in(NEW).session
        for name in ("one", "two"):
            assert isinstance(alice.act("add_address", thief, f"{name}@thief.example"), AddressPending)
        assert isinstance(alice.by_mail(HOME, NEWER), Waiting), "and every room is taken"
        assert alice.act("remove_address", thief, "mallory@thief.example") == AddressRemoved()
        assert isinstance(alice.act("inspect_veto", veto), VetoPending)
        assert alice.act("veto", veto) == Vetoed()


def test_an_address_that_is_removed_is_told_however_many_were_before_it(on):
    with on() as alice:
        reached_by(alice, HOME, WORK, "a@old.example", "b@old.example")
        remove(alice, "a@old.example")
        remove(alice, "b@old.example")
        alice.clock.advance(100 * DAY)
        remove(alice, WORK)
        alice.mail()
        assert isinstance(alice.by_mail(HOME), PasswordChanged)
        assert {one.address for one in alice.mail() if one.veto} == {HOME, WORK}


def test_an_address_that_was_withdrawn_vetoes_nothing_it_was_told_of_before(on):
    with on() as alice:
        assert isinstance(alice.by_mail(HOME), PasswordChanged)
        veto = alice.veto_from(WORK)
        alice.calls.admin.withdraw_address(SUBJECT, WORK, actor="operator")
        assert alice.act("inspect_veto", veto) == Refused()
        assert alice.act("veto", veto) == Refused()
        assert alice.record.contest is None


def test_who_read_a_removed_address_can_veto_while_an_index_key_is_rotated(on):
    with on() as alice:
        alice.told_a_while(OLD)
        alice.world.restart(keyring=_with_newer(alice.world.keyring, alice.world.entropy(32)))
        assert isinstance(alice.by_mail(HOME), PasswordChanged)
        assert alice.act("veto", alice.veto_from(OLD)) == Vetoed()


def _with_newer(keyring, key):
    """The same keys, and a newer one for the index."""
    newer = Keyring(sealing=keyring._sealing, index=[key])
    newer._index = (*newer._index, *keyring._index)
    return newer


def test_a_password_that_was_short_beside_a_factor_is_judged_again_without_one(on):
    with on(factor=True, codes=True) as alice:
        assert isinstance(alice.by_mail_and_app(SHORT), PasswordChanged)
        session = alice.sign_in(SHORT).session
        assert alice.record.accepted
        factor = alice.act("list_factors", session).factors[0]
        assert isinstance(alice.act("remove_factor", session, factor.id), FactorRemoved)
        assert alice.act("sign_in", HOME, SHORT).password_due is not None


def test_a_password_that_was_short_beside_a_factor_is_judged_again_once_the_factors_were_lost(on):
    with on(factor=True, codes=True) as alice:
        assert isinstance(alice.by_mail_and_app(SHORT), PasswordChanged)
        waits = alice.by_mail_and_code("remove_lost_factors")
        alice.clock.advance(waits.until - alice.clock())
        alice.act("remove_lost_factors", ResumeTicket(waits.ticket))
        assert not alice.record.factors.live
        assert alice.act("sign_in", HOME, SHORT).password_due is not None


def test_what_settles_a_contest_is_not_taken_off_before_it_is_settled(on):
    with on(factor=True, codes=True) as alice:
        handle = alice.act("request_reset", PHONE).handle
        code = next(one.code for one in reversed(alice.mail()) if one.address == PHONE)
        thief = alice.prove(alice.redeem(ResetCode(handle, code)), alice.code())
        assert isinstance(alice.redeem(thief), Waiting)
        assert alice.act("veto", alice.veto_from(WORK)) == Vetoed()
        assert alice.act("remove_lost_factors", ResetLink(alice.link())) == Refused(), "he could settle nothing without them"
        assert isinstance(alice.by_mail_and_code(), PasswordChanged)
        assert alice.record.contest is None
        assert isinstance(alice.by_mail_and_code("remove_lost_factors"), Waiting), "and now he can"


@pytest.mark.parametrize("preset", [SOCIAL_GUARDED, WORKFORCE_DEFAULT])
def test_a_first_password_by_the_link_of_an_administrator_waits_for_nobody(on, preset):
    with on(policy=evolve(DEFAULT, recovery=preset.recovery)) as alice:
        alice.world.directory.put(Account(subject="u2", identifiers=("bob@example.org",), addresses=("bob@example.org",)))
        alice.calls.admin.initial_password("u2", actor="operator")
        alice.world.deliver()
        link = ResetLink(alice.world.messenger.link)
        assert isinstance(alice.redeem(link), PasswordChanged)
        alice.calls.admin.initial_password("u2", actor="operator")
        alice.world.deliver()
        again = alice.redeem(ResetLink(alice.world.messenger.link), NEWER)
        assert not isinstance(again, PasswordChanged), "the second is not the first"


def test_what_one_administrator_proposed_is_not_taken_for_shown_when_a_veto_comes(on):
    with on() as alice:
        assert isinstance(alice.by_mail(HOME), PasswordChanged)
        alice.calls.admin.propose_recovery(SUBJECT, Capability.PASSWORD, actor="ada", address=WORK)
        assert alice.act("veto", alice.veto_from(WORK)) == Vetoed()
        asked = alice.calls.admin.propose_recovery(SUBJECT, Capability.PASSWORD, actor="ada", address=WORK)
        alice.calls.admin.approve_recovery(SUBJECT, asked.change, actor="bob", address=WORK)
        alice.world.deliver()
        assert [one.address for one in alice.world.messenger.messages if one.purpose is MessagePurpose.RECOVERY_LINK] == [WORK]
        assert isinstance(alice.redeem(ResetLink(alice.world.messenger.link), NEWER), PasswordChanged)


def test_an_app_that_was_set_up_on_a_node_whose_clock_is_behind_settles_no_contest(on):
    with on() as alice:
        link, skew = alice.link(), timedelta(seconds=50)
        alice.clock.advance(skew)
        assert isinstance(alice.redeem(ResetLink(link)), PasswordChanged)
        alice.clock.advance(-skew)
        alice.world.enroll(alice.sign_in(NEW).session)
        alice.clock.advance(minutes=1)
        assert alice.act("veto", alice.veto_from(WORK)) == Vetoed()
        asked = alice.by_mail(HOME, NEWER)
        assert isinstance(asked, ProofRequired), "there is no factor that counts"


def test_an_address_that_is_gone_proves_nothing_once_the_policy_asks_for_more_beside_it(on):
    with on(policy=SLOW, factor=True, codes=True) as alice:
        waits = alice.by_mail_and_code(address=WORK)
        alice.clock.advance(waits.until - alice.clock())
        more = RecoveryPath({Proof.MAIL, Proof.FACTOR, Proof.RECOVERY_CODE}, level=2)
        alice.world.restart(policy=evolve(SLOW, name="tighter", recovery=RecoveryPolicy(paths=(more,))))
        asked = alice.redeem(ResumeTicket(waits.ticket))
        assert isinstance(asked, FactorRequired)
        proof = alice.prove(asked, alice.code())
        owner = alice.world.directory.get("", SUBJECT)
        alice.world.directory.put(evolve(owner, addresses=(HOME,)))
        assert alice.redeem(proof) == Refused()
        alice.world.directory.put(owner)
        assert isinstance(alice.redeem(proof), PasswordChanged), "what was proven goes on with what waits"


def test_a_wrong_printed_code_is_as_much_work_for_who_has_none_and_for_nobody(on, monkeypatch):
    with on(factor=True, codes=True) as alice:
        alice.world.directory.put(Account(subject="u2", identifiers=("bob@example.org",), addresses=("bob@example.org",)))
        alice.act("set_password", "u2", PASSWORD, by=Initial())
        opened, keep = [], Keyring.open

        def counted(keyring, purpose, sealed, *bound):
            opened.append((purpose, len(sealed)))
            return keep(keyring, purpose, sealed, *bound)

        monkeypatch.setattr(Keyring, "open", counted)
        work = []
        for name in (HOME, "bob@example.org", "nobody@example.org"):
            handle = alice.act("request_reset", name).handle
            opened.clear()
            assert alice.redeem(RecoveryCode(recovery.text(bytes(recovery.CODE_BYTES)), handle)) == Refused()
            work.append(opened[:])
        assert work[0] == work[1] == work[2]
