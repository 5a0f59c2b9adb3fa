"""Addresses that come and go (I03, I08, I09, I11): what was mailed to one dies with it, and a proof leaves nothing of a squatter."""

import pytest
from tests.museum.harness import NEW, OTHERS

from acctsec import (
    Account,
    AddressCode,
    AddressLink,
    AddressPending,
    AddressRemoved,
    AddressVerified,
    CurrentPassword,
    FreshSession,
    IdentifierChanged,
    Initial,
    MessagePurpose,
    PasswordChanged,
    Refused,
    ResetCode,
    ResetLink,
    SessionEnded,
    SignedIn,
)
from acctsec.outcomes import Acted, ChangeCancelled
from acctsec.testing.world import IDENTIFIER, PASSWORD

SECOND, VICTIM = "second@example.org", "victim@example.org"


def asked(w, session, address=SECOND):
    """Ask for an address; answers the change and what was mailed there."""
    pending = w.engine.add_address(session, address, context=w.context())
    assert isinstance(pending, AddressPending), pending
    w.deliver()
    return pending, w.messenger.address_link, w.messenger.address_code


def verify(w, proof, session=None):
    return w.engine.verify_address(proof, session=session, context=w.context())


def addresses(w, subject="u1"):
    return w.directory.get("", subject).addresses


def test_m012_what_was_mailed_to_an_address_that_was_removed_is_dead_everywhere(w):
    """Called off before it was proven, and taken off after: its link and code verify nothing and reset nothing."""
    _, _, session = w.guarded()
    first, link, code = asked(w, session)
    assert isinstance(w.engine.cancel_change(first.change, by=FreshSession(session), context=w.context()), ChangeCancelled)
    second, newer, _ = asked(w, session)
    assert verify(w, AddressLink(newer), session) == AddressVerified(purged=False)
    assert w.engine.remove_address(session, SECOND, context=w.context()) == AddressRemoved()

    for proof in (AddressLink(link), AddressLink(newer), AddressCode(first.change, code), AddressCode(second.change, code)):
        assert verify(w, proof, session) == Refused()
    for token in (link, newer):
        assert w.engine.redeem_reset(ResetLink(token), NEW, context=w.context()) == Refused()
    assert addresses(w) == (IDENTIFIER,)


def test_m021_no_reset_survives_the_address_it_was_mailed_to(w):
    """Nor does it come back with it; and a link for a new address ends with a change of password."""
    _, _, session = w.guarded()
    _, link, _ = asked(w, session)
    verify(w, AddressLink(link), session)
    w.engine.request_reset(SECOND, context=w.context())
    w.deliver()
    reset = w.messenger.link
    w.engine.remove_address(session, SECOND, context=w.context())
    w.directory.change("u1", addresses=(IDENTIFIER, SECOND))
    assert w.engine.inspect_reset(reset, context=w.context()) == Refused()
    assert w.engine.redeem_reset(ResetLink(reset), NEW, context=w.context()) == Refused()


def test_m023_the_proof_of_an_address_leaves_no_earlier_token(w):
    """Of three messages for one address one is used; nothing is left of the others."""
    w.sign_up()
    session = w.sign_in().session
    sent = [asked(w, session) for _ in range(3)]
    assert verify(w, AddressLink(sent[0][1]), session) == AddressVerified(purged=False)
    before = addresses(w)
    for pending, link, code in sent:
        assert verify(w, AddressLink(link), session) == Refused()
        assert verify(w, AddressCode(pending.change, code), session) == Refused()
    assert addresses(w) == before == (IDENTIFIER, SECOND)


def squatted(w):
    """X signs up under V's address, which he cannot prove, and parks at "we sent you a mail"."""
    w.directory.put(Account(subject="u1", identifiers=(VICTIM,)))
    w.engine.set_password("u1", PASSWORD, by=Initial(), context=w.context())
    signed = w.sign_in(VICTIM)
    return signed, asked(w, signed.session, VICTIM)


def test_m026_what_a_squatter_has_parked_goes_no_further_when_his_victim_proves(w):
    """V opens the link in a browser of V's: X's session, his pending addresses and his form for the code are over."""
    signed, (pending, link, code) = squatted(w)
    other, hidden, _ = asked(w, signed.session, "mallory@example.net")
    assert verify(w, AddressLink(link)) == AddressVerified(purged=True)

    assert isinstance(w.engine.check_session(signed.session, context=w.context()), SessionEnded)
    assert verify(w, AddressCode(pending.change, code), signed.session) == Refused()
    assert verify(w, AddressLink(hidden), signed.session) == Refused()
    assert w.engine.cancel_change(other.change, by=FreshSession(signed.session), context=w.context()) == Refused()
    assert addresses(w) == (VICTIM,)


@pytest.mark.parametrize("stored", [SECOND, "+49 30 123456"], ids=["domain", "number"])
def test_m057_an_address_that_went_to_somebody_else_is_withdrawn_and_proves_nothing(w, stored):
    """Its reset and its recovery are dead, it hears nothing, and it cannot be used until it is proven again."""
    w.sign_up(addresses=(IDENTIFIER, stored))
    handle = w.engine.request_reset(stored, context=w.context()).handle
    w.deliver()
    code = w.messenger.code
    assert w.engine.admin.withdraw_address("u1", stored, actor="ops") == Acted()

    assert w.engine.redeem_reset(ResetCode(handle, code), NEW, context=w.context()) == Refused()
    w.engine.set_password("u1", NEW, by=CurrentPassword(PASSWORD), context=w.context())
    w.engine.request_reset(stored, context=w.context())
    w.deliver()
    assert [one.address for one in w.messenger.of(MessagePurpose.PASSWORD_CHANGED)] == [IDENTIFIER]
    assert len(w.messenger.of(MessagePurpose.RESET)) == 1


def test_m063_an_address_and_a_name_that_were_changed_are_found_by_every_form(w):
    """What comes in through these doors is stored as it was typed, or canonical, and found by either."""
    w.sign_up()
    session = w.sign_in().session
    _, link, _ = asked(w, session, "Second@EXAMPLE.org")
    verify(w, AddressLink(link), session)
    assert w.engine.change_identifier(session, IDENTIFIER.upper(), "ＡＬＩＣＥ", context=w.context()) == IdentifierChanged()

    assert addresses(w) == (IDENTIFIER, "Second@EXAMPLE.org")
    for typed in ("alice", "ALICE", " Alice ", "ａｌｉｃｅ", "second@example.org", "SECOND@example.ORG"):
        assert isinstance(w.engine.sign_in(typed, PASSWORD, context=w.context()), SignedIn), typed
    w.engine.request_reset("second@example.org", context=w.context())
    w.deliver()
    assert [one.address for one in w.messenger.of(MessagePurpose.RESET)] == ["Second@EXAMPLE.org"]


def test_m067_a_squatter_leaves_nothing_to_who_proves_the_address_by_its_link(w):
    """Password, session, device, reset and pending changes; factors and codes he could not have got."""
    signed, (_, link, _) = squatted(w)
    assert w.engine.enroll_totp(signed.session, context=w.context()) == Refused()
    assert w.engine.issue_recovery_codes(signed.session, context=w.context()) == Refused()
    assert verify(w, AddressLink(link)) == AddressVerified(purged=True)

    held = w.engine.admin.export("u1")
    assert (held.has_password, held.sessions, held.devices, held.factors, held.live_resets) == (False, (), (), (), ())
    assert w.engine.sign_in(VICTIM, PASSWORD, context=w.context(device=signed.device)) == Refused()
    assert isinstance(
        w.engine.redeem_reset(ResetLink(w.reset_link(VICTIM)), NEW, context=w.context()),
        PasswordChanged,
    )
    assert isinstance(w.engine.sign_in(VICTIM, NEW, context=w.context()), SignedIn)


def test_m068_a_squatters_password_does_not_survive_a_proof_without_a_password(w):
    """Nor may he set it again as a first one from a session or a ticket of before."""
    signed, (_, link, _) = squatted(w)
    assert verify(w, AddressLink(link)) == AddressVerified(purged=True)
    for by in (CurrentPassword(PASSWORD), FreshSession(signed.session)):
        assert w.engine.set_password("u1", OTHERS[0], by=by, context=w.context()) == Refused()


def test_m071_only_the_proof_of_an_address_tells_the_user_table(w):
    """Whatever else is called, with whatever else was handed out, the table is asked and told nothing."""
    _, codes, session = w.guarded()
    pending, link, code = asked(w, session)
    wrong = f"{(int(code) + 1) % 10**8:08d}"
    for proof in (AddressCode(pending.change, wrong), AddressCode("0" * 32, code), AddressLink(session), AddressLink(link[::-1])):
        assert verify(w, proof, session) == Refused()
    for _ in range(3):
        w.engine.inspect_address(link, context=w.context())
    w.engine.list_changes(session, context=w.context())
    w.reset_link()
    assert not [one for one in w.trace if one[0] == "apply"]
    assert verify(w, AddressCode(pending.change, code)) == Refused(), "a code alone, without the session it was asked for in"
    assert verify(w, AddressCode(pending.change, code), session) == AddressVerified(purged=False)
    assert [one[1][0].address for one in w.trace if one[0] == "apply"] == [SECOND]
    assert codes
