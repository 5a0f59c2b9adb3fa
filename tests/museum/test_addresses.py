"""Addresses that come and go (I03, I08, I09, I11): what was mailed to one dies with it, and a proof leaves nothing of a squatter."""

import pytest
from attrs import evolve
from tests.museum.harness import NEW, OTHERS, SHORT, exhibit

from acctsec import (
    Account,
    AddressCode,
    AddressLink,
    AddressPending,
    AddressRemoved,
    AddressVerified,
    CodeEnrollmentStarted,
    CodeSent,
    CurrentPassword,
    DeliveredCode,
    FactorAdded,
    FactorRequired,
    FreshSession,
    IdentifierChanged,
    IdentifierTaken,
    Initial,
    MessagePurpose,
    MfaPolicy,
    PasswordChanged,
    Refused,
    ResetCode,
    ResetLink,
    SessionEnded,
    SignedIn,
)
from acctsec.outcomes import Acted, ChangeCancelled, FactorKind
from acctsec.testing.world import IDENTIFIER, PASSWORD

TEXT = "+4930123456"
TEXTS = MfaPolicy(kinds={FactorKind.TOTP, FactorKind.DELIVERED})
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


@pytest.mark.parametrize("proof", ["link of an address", "code of an address", "link of a reset", "code of a reset"])
def test_m068_no_proof_of_the_address_leaves_the_squatter_anything(w, proof):
    """Each proof there is in turn, none of them by a password: X's password, session, device, ticket and changes are dead."""
    signed, (pending, link, code) = squatted(w)
    if proof.endswith("reset"):
        w.directory.change("u1", addresses=(VICTIM,))
        handle = w.engine.request_reset(VICTIM, context=w.context()).handle
        w.deliver()
        by = ResetLink(w.messenger.link) if proof.startswith("link") else ResetCode(handle, w.messenger.code)
        assert isinstance(w.engine.redeem_reset(by, NEW, context=w.context()), PasswordChanged)
    elif proof.startswith("link"):
        assert verify(w, AddressLink(link)) == AddressVerified(purged=True)
    else:  # a code proves nothing where X typed it: V's browser has no session of the account
        assert verify(w, AddressCode(pending.change, code)) == Refused()
        return
    assert w.engine.sign_in(VICTIM, PASSWORD, context=w.context(device=signed.device)) == Refused()
    assert isinstance(w.engine.check_session(signed.session, context=w.context()), SessionEnded)
    assert w.engine.admin.export("u1").sessions == ()
    for by in (CurrentPassword(PASSWORD), FreshSession(signed.session), Initial()):
        if not (isinstance(by, Initial) and proof == "link of an address"):  # V, who has proven it, may begin
            assert w.engine.set_password("u1", OTHERS[0], by=by, context=w.context()) == Refused()


def test_m057_a_withdrawn_number_is_no_second_factor(place):
    """A text to it was a factor: withdrawn, no code goes there, and the one that is under way proves nothing."""
    w = exhibit(place, policy=evolve(SHORT, mfa=TEXTS))
    w.sign_up(addresses=(IDENTIFIER, TEXT))
    started = w.engine.enroll_delivered(w.sign_in().session, TEXT, context=w.context())
    assert isinstance(started, CodeEnrollmentStarted), started
    w.deliver()
    added = w.engine.confirm_factor(started.ticket, DeliveredCode(w.messenger.factor_code), context=w.context())
    assert isinstance(added, FactorAdded), added
    w.clock.advance(days=1)
    ticket = w.ticket()
    assert isinstance(w.engine.send_code(ticket, added.factor.id, context=w.context()), CodeSent)
    w.deliver()
    code, sent = w.messenger.factor_code, len(w.messenger.of(MessagePurpose.FACTOR_CODE))

    assert w.engine.admin.withdraw_address("u1", TEXT, actor="ops") == Acted()

    assert w.engine.verify_factor(ticket, DeliveredCode(code), context=w.context()) == Refused()
    later = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    if isinstance(later, FactorRequired):
        w.engine.send_code(later.ticket, added.factor.id, context=w.context())
    w.deliver()
    assert len(w.messenger.of(MessagePurpose.FACTOR_CODE)) == sent
    assert not isinstance(later, SignedIn)


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


# --- whose an address is ------------------------------------------------------------------------------------------------

BOBS, FREE, NUMBER = "bob@example.org", "free@example.org", "+4930123456"


@pytest.mark.parametrize("replaces", [None, IDENTIFIER], ids=["added", "in the place of another"])
def test_m187_whose_an_address_is_shows_to_nobody_who_asks_for_it(w, replaces):
    """
    Somebody's, a disabled one's, nobody's, in another spelling, a number: one answer and the same port calls. The reader of each
    is told, nothing of theirs changes, and a wrong code is refused alike.
    """
    w.sign_up("u2", BOBS, NEW, addresses=(BOBS, NUMBER))
    w.sign_up("u3", "eve@example.org", status="disabled", password=None)
    w.app, _, _ = w.guarded()
    w.clock.advance(days=30)  # a factor that was set up just now spares no wait
    session = full(w)
    theirs = w.engine.admin.export("u2"), w.directory.get("", "u2"), w.directory.get("", "u3")
    w.deliver()
    seen = []
    for number, address in enumerate((FREE, BOBS, "BOB@Example.org", "eve@example.org", NUMBER, "+4930654321")):
        here, told = w.context(f"203.0.113.{number}"), len(w.messenger.messages)
        pending, calls = w.observe(lambda s=session, a=address, c=here: w.engine.add_address(s, a, replaces=replaces, context=c))
        assert isinstance(pending, AddressPending), pending
        _, delivering = w.observe(w.deliver)
        proving = [one for one in w.messenger.messages[told:] if one.purpose is MessagePurpose.PROVE_ADDRESS]
        assert [(one.address, one.subject, bool(one.code)) for one in proving] == [(address, "u1", True)]
        others = sorted(one.purpose for one in w.messenger.messages[told:])
        guess = AddressCode(pending.change, f"{(int(proving[0].code) + 1) % 10 ** len(proving[0].code):08d}")
        refused, guessing = w.observe(lambda s=session, g=guess, c=here: w.engine.verify_address(g, session=s, context=c))
        waits = pending.until and pending.until - w.clock()
        seen.append((pending.expires - w.clock(), waits, calls, delivering, others, refused, guessing))
        assert isinstance(w.engine.cancel_change(pending.change, by=FreshSession(session), context=here), ChangeCancelled)
        w.deliver()
        session = full(w)

    mail, text = seen[:4], seen[4:]
    assert [one for one in mail if one != mail[0]] == []
    assert text[0] == text[1]
    assert not [one for one in w.trace if one[0] == "apply"]
    assert (w.engine.admin.export("u2"), w.directory.get("", "u2"), w.directory.get("", "u3")) == theirs
    assert isinstance(w.engine.sign_in(BOBS, NEW, context=w.context("203.0.113.99")), SignedIn)
    assert not [one for one in w.messenger.messages if one.subject == "u2" and one.purpose is not MessagePurpose.PASSWORD_CHANGED]


def full(w):
    """A fresh session at the full level, a day later: all budgets are as they were."""
    w.clock.advance(days=1)
    return w.fully(w.app).session


def test_m187_an_identifier_that_is_an_address_tells_nothing_either(w):
    """Only a verified address of one's own can become a name: whoever has another one, it is refused in one way."""
    w.sign_up("u2", BOBS, NEW)
    _, _, session = w.guarded()
    seen = [w.observe(lambda n=n: w.engine.change_identifier(session, IDENTIFIER, n, context=w.context())) for n in (FREE, BOBS)]
    assert seen[0] == seen[1]
    assert not isinstance(seen[0][0], IdentifierChanged)


def test_m187_names_of_others_cannot_be_asked_for_without_end(w):
    """A name is public where a platform shows it; whether it is taken is told so often a source and a day, and no more."""
    w.sign_up("u2", "bob", NEW, addresses=(BOBS,))
    _, _, session = w.guarded()
    told = [w.engine.change_identifier(session, IDENTIFIER, "bob", context=w.context()) for _ in range(40)]
    assert sum(isinstance(one, IdentifierTaken) for one in told) == w.policy.reset.per_source.limit
    assert all(isinstance(one, IdentifierTaken | Refused) for one in told)
