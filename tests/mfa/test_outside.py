"""Factors that somebody else checks: what he is asked, what his word is worth, and what becomes of it when he fails."""

from contextlib import closing
from datetime import timedelta

import pytest
from attrs import evolve
from tests.mfa.otp_stage import IDENTIFIER, TOY, Counting, Toy, a_world, enrolled, failures, policy, record, ticket, verify
from tests.museum.harness import kinds, par
from tests.places import STORES, USUAL

from acctsec import (
    Action,
    Allowed,
    Approved,
    ConfigError,
    Declined,
    FactorAdded,
    FactorRequired,
    HotpCode,
    MfaPolicy,
    Outside,
    OutsideAnswer,
    OutsideBegun,
    PasswordChanged,
    ProofAccepted,
    ProofRequired,
    ReauthenticationRequired,
    RecoveryCode,
    Refused,
    ResetLink,
    ResumeTicket,
    SignedIn,
    TotpCode,
    Traits,
    TryAgain,
    UnlockFactor,
)
from acctsec.events import PortFailed
from acctsec.keyring import Keyring
from acctsec.outcomes import AssuranceLevel, FactorKind
from acctsec.testing.doubles import OUTSIDE, as_async
from acctsec.testing.world import PASSWORD, async_world, world

REFERENCE = "duo-user-4711"
NEW = "violet staple under the harbour 63"


@pytest.fixture(params=[one if one in USUAL else pytest.param(one, marks=pytest.mark.deep) for one in STORES])
def w(request, places):
    """A world on each kind of store."""
    with closing(places.fresh(request.param)) as place:
        yield a_world(place.open())


@pytest.fixture(params=[world, async_world])
def faced(request):
    """A world behind each face."""
    w = a_world(make=request.param)
    yield w
    w.close()


def begun(w, on, address="192.0.2.7"):
    """The toy was asked to ask; what its app would hand back."""
    (info,) = record(w).factors.outside
    outcome = w.calls.begin_outside(on, info.id, context=w.context(address))
    assert isinstance(outcome, OutsideBegun), outcome
    assert outcome.ticket == on
    return OutsideAnswer("toy", w.toy.answer(outcome.page["for"], outcome.page["challenge"]))


def set_up(w, reference=REFERENCE):
    """A factor that the toy checks; the new session."""
    session = w.sign_in().session
    started = w.calls.enroll_outside(session, "toy", reference, name="toy", context=w.context())
    assert isinstance(started, OutsideBegun), started
    answer = OutsideAnswer("toy", w.toy.answer(started.page["for"], started.page["challenge"]))
    added = w.calls.confirm_factor(started.ticket, answer, context=w.context())
    assert isinstance(added, FactorAdded), added
    assert (added.factor.kind, added.factor.method) == (FactorKind.OUTSIDE, "toy")
    return added.session


def signing_in(w, address="192.0.2.7"):
    on = ticket(w, address)
    return verify(w, begun(w, on, address), on=on, address=address)


# --- wiring -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [world, async_world])
@pytest.mark.parametrize(
    ("outside", "message"),
    [
        (None, "Nobody checks"),
        ({}, "Nobody checks"),
        ({"toy": Toy(), "other": Toy()}, "names no outside factor 'other'"),
    ],
)
def test_an_engine_is_not_built_where_somebody_is_missing_or_unknown(make, outside, message):
    with pytest.raises(ConfigError, match=message) as raised:
        make(policy=policy(), outside=outside)
    assert raised.value.remedy


def test_the_wrong_form_and_what_is_no_mapping_are_refused():
    w = a_world()
    ports = {"policy": w.policy, "store": w.store, "directory": w.directory, "keyring": w.keyring, "outbox": "manual"}
    for outside in ({"toy": as_async(Toy(), OUTSIDE)}, {"toy": object()}, {"toy": Toy}, [Toy()], {7: Toy(), "toy": Toy()}):
        with pytest.raises(ConfigError):
            type(w.engine)(outside=outside, **ports)


@pytest.mark.parametrize(
    "fields",
    [
        {"outside": (TOY, Outside(name="toy"))},
        {"outside": ("toy",)},
        {"kinds": {FactorKind.OUTSIDE}},
    ],
)
def test_a_policy_that_means_nobody_is_refused(fields):
    with pytest.raises(ConfigError):
        MfaPolicy(**fields)


# --- the whole way ----------------------------------------------------------------------------------------------------


def test_one_is_set_up_and_proven_on_every_store(w):
    set_up(w)
    signed_in = signing_in(w)
    assert isinstance(signed_in, SignedIn)
    assert signed_in.info.level == AssuranceLevel.AAL2
    assert "toy" in signed_in.info.methods
    assert {asked[1:3] for asked in w.toy.asked} == {("u1", REFERENCE)}


def test_both_faces_ask_him(faced):
    set_up(faced)
    assert isinstance(signing_in(faced), SignedIn)


def test_what_he_knows_the_subject_by_is_sealed(places):
    with closing(places.fresh("sqlite")) as place:
        w = a_world(place.open())
        set_up(w)
        assert REFERENCE.encode() not in place.dump()
        assert REFERENCE not in repr(record(w))


@pytest.mark.parametrize("reference", ["", "x" * 129, "é" * 65, "line\nbreak", None, b"bytes", 7])
def test_a_reference_that_is_none_is_refused(reference):
    w = a_world()
    session = w.sign_in().session
    assert w.calls.enroll_outside(session, "toy", reference, context=w.context()) == Refused()
    assert w.toy.asked == []


def test_a_name_that_the_policy_has_not_is_the_callers_mistake():
    w = a_world()
    for method in ("duo", "", None, 7, {}, ["toy"]):
        with pytest.raises(ConfigError):
            w.calls.enroll_outside(w.sign_in().session, method, REFERENCE, context=w.context())


@pytest.mark.parametrize("method", ["duo", "", None, 7])
def test_an_answer_for_nobody_is_refused_before_a_store_is_read(method):
    w = a_world()
    set_up(w)
    assert verify(w, OutsideAnswer(method, "yes")) == Refused()


@pytest.mark.parametrize("text", ["", "x" * 8_193, None, b"yes", 7])
def test_an_answer_that_is_no_text_is_refused_and_he_is_not_asked(text):
    w = a_world()
    set_up(w)
    w.toy.asked.clear()
    assert verify(w, OutsideAnswer("toy", text)) == Refused()
    assert w.toy.asked == []


def test_a_wrong_answer_counts():
    w = a_world()
    set_up(w)
    assert verify(w, OutsideAnswer("toy", "guessed")) == Refused()
    assert failures(w) == 1


# --- bound to its ticket ----------------------------------------------------------------------------------------------


def test_an_answer_is_good_for_its_ticket_alone_and_once():
    w = a_world()
    set_up(w)
    first, second = ticket(w), ticket(w)
    answer = begun(w, first)
    assert verify(w, answer, on=second) == Refused()
    assert isinstance(verify(w, answer, on=first), SignedIn)
    w.toy.asked.clear()
    assert verify(w, answer, on=first) == Refused()
    assert w.toy.asked == []  # the ticket is spent: he is not asked again
    w.toy.mood = Approved()  # even one who takes everything
    assert verify(w, answer, on=first) == Refused()


def test_the_same_wrong_answer_is_another_guess_for_another_ticket():
    """Each ticket has a right answer of its own: one guess on a hundred of them would be a hundred for the price of one."""
    w = a_world()
    set_up(w)
    for number in (1, 2, 3):
        on = ticket(w)
        for _ in range(2):
            assert verify(w, OutsideAnswer("toy", "guessed"), on=on) == Refused()
            assert failures(w) == number


def test_eight_at_once_on_one_ticket_sign_in_once_on_every_store(w):
    set_up(w)
    on = ticket(w)
    answer = begun(w, on)
    outcomes = par(*(lambda n=n: verify(w, answer, on=on, address=f"198.18.0.{n}") for n in range(1, 9)))
    assert kinds(outcomes)["SignedIn"] == 1
    assert set(kinds(outcomes)) <= {"SignedIn", "Refused", "TryAgain"}


def test_he_begins_for_no_ticket_that_is_dead_spent_or_anothers():
    w = a_world()
    set_up(w)
    info = record(w).factors.outside[0]
    w.sign_up("u2", "bob@example.org")
    spent = ticket(w)
    assert isinstance(verify(w, begun(w, spent), on=spent), SignedIn)
    old = ticket(w)
    w.clock.advance(hours=1)
    live = ticket(w)
    w.toy.asked.clear()
    for on, factor_id in (
        (spent, info.id),
        (old, info.id),
        ("nonsense", info.id),
        (live, "no such id"),
        (live, "recovery"),
        (None, info.id),
    ):
        assert w.calls.begin_outside(on, factor_id, context=w.context()) == Refused()
    assert w.calls.begin_outside(live, info.id, context=w.context(tenant="other")) == Refused()
    assert w.toy.asked == []


def test_he_is_not_asked_to_disturb_anybody_more_than_thirty_times_a_day():
    w = a_world()
    set_up(w)
    info = record(w).factors.outside[0]
    outcomes = []
    for n in range(40):
        on = ticket(w, f"198.18.{n}.1")
        outcomes.append(w.calls.begin_outside(on, info.id, context=w.context(f"198.18.{n}.1")))
    asked = [one for one in outcomes if isinstance(one, OutsideBegun)]
    assert len(asked) == 30
    assert all(isinstance(one, Refused) and one.retry_after for one in outcomes[30:])


def test_who_knows_the_password_has_the_owner_asked_all_day_and_takes_no_question_from_her():
    w = a_world()
    session, device = set_up(w), signing_in(w).device
    info = record(w).factors.outside[0]
    for n in range(40):
        w.calls.begin_outside(ticket(w, f"198.18.{n}.1"), info.id, context=w.context(f"198.18.{n}.1"))
    assert isinstance(w.calls.begin_outside(ticket(w), info.id, context=w.context()), Refused)
    on = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context(device=device)).ticket
    assert isinstance(w.calls.begin_outside(on, info.id, context=w.context(device=device)), OutsideBegun)
    w.clock.advance(timedelta(hours=1))
    due = w.calls.authorize(session, Action.CHANGE_FACTORS, context=w.context())
    assert isinstance(w.calls.begin_outside(due.ticket, info.id, context=w.context()), OutsideBegun)


def test_a_session_that_was_signed_out_has_nobody_asked():
    w = a_world()
    session = set_up(w)
    w.clock.advance(timedelta(hours=1))
    due = w.calls.authorize(session, Action.CHANGE_FACTORS, context=w.context())
    w.calls.sign_out(session, context=w.context())
    assert w.calls.begin_outside(due.ticket, record(w).factors.outside[0].id, context=w.context()) == Refused()


@pytest.mark.parametrize("half", ["\ud800", "ok\udfff"])
def test_half_a_character_is_no_answer_and_raises_nothing_that_has_it_in_it(half):
    w = a_world()
    set_up(w)
    assert verify(w, OutsideAnswer("toy", half)) == Refused()


# --- when he fails ----------------------------------------------------------------------------------------------------

BROKEN = [
    pytest.param(mood, id=name)
    for name, mood in {
        "raises": RuntimeError,
        "times out": TimeoutError,
        "true": True,
        "text": "approved",
        "the class": lambda: Approved,
        "nothing": lambda: None,
    }.items()
]


@pytest.mark.parametrize("mood", BROKEN)
def test_who_fails_denies_loudly_and_charges_nothing(faced, mood):
    set_up(faced)
    on = ticket(faced)
    answer = begun(faced, on)
    faced.toy.mood = mood
    assert isinstance(verify(faced, answer, on=on), TryAgain)
    assert failures(faced) == 0
    faced.deliver()
    assert [one.port for one in _observed(faced)] == ["outside.toy"]
    faced.toy.mood = None
    assert isinstance(verify(faced, answer, on=on), SignedIn)  # the same ticket, the same answer


@pytest.mark.parametrize("mood", BROKEN)
def test_who_fails_while_one_is_set_up_sets_nothing_up(mood):
    w = a_world()
    session = w.sign_in().session
    started = w.calls.enroll_outside(session, "toy", REFERENCE, context=w.context())
    answer = OutsideAnswer("toy", w.toy.answer(REFERENCE, started.page["challenge"]))
    w.toy.mood = mood
    assert isinstance(w.calls.confirm_factor(started.ticket, answer, context=w.context()), TryAgain)
    assert not record(w).factors.live
    w.toy.mood = None
    assert isinstance(w.calls.confirm_factor(started.ticket, answer, context=w.context()), FactorAdded)


PAGES = (RuntimeError, lambda: None, 7, "text", {"a": 1}, {1: "a"}, {"a": "x" * 4_097}, {str(n): "" for n in range(17)})


@pytest.mark.parametrize("page", [pytest.param(page, id=str(number)) for number, page in enumerate(PAGES)])
def test_a_page_that_is_none_is_not_handed_on(page):
    w = a_world()
    set_up(w)
    info = record(w).factors.outside[0]
    on = ticket(w)
    w.toy.mood = page
    assert isinstance(w.calls.begin_outside(on, info.id, context=w.context()), TryAgain)
    w.deliver()
    assert [one.port for one in _observed(w)] == ["outside.toy"]


def test_who_raises_where_he_should_decline_gives_no_more_than_thirty_guesses_away():
    w = a_world()
    set_up(w)
    w.toy.mood = ValueError
    outcomes = []
    for n in range(60):
        address = f"198.18.{n}.1"
        outcomes.append(type(verify(w, OutsideAnswer("toy", f"guess {n}"), on=_ticket(w, address), address=address)).__name__)
    assert outcomes.count("TryAgain") <= 30
    asked = sum(one[0] == "check" for one in w.toy.asked)
    assert asked <= 1 + 30 + w.policy.lockout.strangers.free


def test_he_is_not_asked_where_the_lane_is_closed():
    w = a_world()
    set_up(w)
    for n in range(w.policy.lockout.strangers.free):
        assert verify(w, OutsideAnswer("toy", f"guess {n}"), on=_ticket(w, f"198.18.{n}.1"), address=f"198.18.{n}.1") == Refused()
    w.toy.asked.clear()
    on = _ticket(w, "198.18.77.1")
    assert verify(w, OutsideAnswer("toy", "guess"), on=on, address="198.18.77.1") == Refused()
    assert w.toy.asked == []


def test_a_stranger_without_the_password_cannot_have_him_asked():
    w = a_world()
    set_up(w)
    w.toy.asked.clear()
    with pytest.raises(ConfigError):
        w.calls.unlock(UnlockFactor(IDENTIFIER, OutsideAnswer("toy", "yes")), context=w.context())
    with pytest.raises(ConfigError):
        w.calls.unlock(UnlockFactor(IDENTIFIER, HotpCode("123456")), context=w.context())
    assert w.calls.unlock(UnlockFactor(IDENTIFIER, TotpCode("123456")), context=w.context()) == Refused()
    assert w.toy.asked == []


def _ticket(w, address):
    """A ticket, whatever was guessed before."""
    due = w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context(address))
    assert isinstance(due, FactorRequired), due
    return due.ticket


def _observed(w):
    return [event for _, event in w.sink.handed if isinstance(event, PortFailed)]


# --- what his word is worth -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("traits", "level"),
    [
        (Traits(), AssuranceLevel.AAL2),
        (Traits(possession=False), AssuranceLevel.AAL1),
        (Traits(phishing_resistant=True, bound=True), AssuranceLevel.AAL3),
    ],
)
def test_a_session_is_worth_what_the_policy_says_of_him(traits, level):
    w = a_world(outside=(evolve(TOY, traits=traits),))
    set_up(w)
    assert signing_in(w).info.level == level


def test_a_recovery_takes_his_word_for_a_factor_where_the_subject_has_something():
    w = a_world()
    set_up(w)
    due = w.calls.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    assert isinstance(due, FactorRequired)
    assert [one.method for one in due.factors] == ["toy"]
    proof = verify(w, begun(w, due.ticket), on=due.ticket)
    assert isinstance(proof, ProofAccepted)
    assert isinstance(w.calls.redeem_reset(ResumeTicket(proof.ticket), NEW, context=w.context()), PasswordChanged)


def test_a_recovery_takes_nothing_for_a_factor_that_the_subject_only_knows():
    w = a_world(outside=(evolve(TOY, traits=Traits(possession=False)),))
    session = set_up(w)
    codes = w.calls.issue_recovery_codes(session, context=w.context()).codes
    due = w.calls.redeem_reset(ResetLink(w.reset_link()), NEW, context=w.context())
    assert isinstance(due, FactorRequired | ProofRequired)
    assert "toy" not in [one.method for one in getattr(due, "factors", ())]
    if isinstance(due, FactorRequired):
        w.toy.mood = Approved()
        assert verify(w, OutsideAnswer("toy", "yes"), on=due.ticket) == Refused()
        assert isinstance(verify(w, RecoveryCode(codes[0]), on=due.ticket), ProofAccepted)


def test_he_helps_a_session_that_has_to_prove_itself_again():
    w = a_world()
    session = set_up(w)
    w.clock.advance(hours=2)
    due = w.calls.authorize(session, Action.CHANGE_FACTORS, context=w.context())
    assert [one.method for one in due.factors] == ["toy"]
    due = verify(w, begun(w, due.ticket), on=due.ticket)
    assert isinstance(due, ReauthenticationRequired)
    stepped = w.calls.reauthenticate(due.ticket, PASSWORD, context=w.context())
    assert isinstance(stepped, SignedIn)
    assert isinstance(w.calls.authorize(stepped.session, Action.CHANGE_FACTORS, context=w.context()), Allowed)


def test_he_says_no_in_so_many_words():
    w = a_world()
    set_up(w)
    on = ticket(w)
    answer = begun(w, on)
    w.toy.mood = Declined()
    assert verify(w, answer, on=on) == Refused()
    assert failures(w) == 1


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rewraps", [True, False])
def test_after_a_new_key_tokens_and_references_are_sealed_under_it(rewraps):
    """By a round over all records, or by being used: then the old key may go."""
    first, second, index = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
    w = world(policy=policy(), outside={"toy": Toy()})
    w.toy = w.outside["toy"]
    w.restart(keyring=Keyring(sealing=[first], index=[index], entropy=w.entropy))
    w.sign_up()
    token = Counting(bytes(range(20)))
    session = enrolled(w, token)
    started = w.calls.enroll_outside(session, "toy", REFERENCE, context=w.context())
    answer = OutsideAnswer("toy", w.toy.answer(REFERENCE, started.page["challenge"]))
    assert isinstance(w.calls.confirm_factor(started.ticket, answer, context=w.context()), FactorAdded)

    w.restart(keyring=Keyring(sealing=[second, first], index=[index], entropy=w.entropy))
    if rewraps:
        done = w.calls.admin.rewrap()
        assert dict(done.secrets)[w.keyring.sealing_ids[1]] == 0
        assert done.lost == 0
    else:
        assert isinstance(verify(w, token.press()), SignedIn)
    w.restart(keyring=Keyring(sealing=[second], index=[index], entropy=w.entropy))
    w.clock.advance(timedelta(seconds=30))
    if rewraps:
        assert isinstance(verify(w, token.press()), SignedIn)
        assert isinstance(signing_in(w), SignedIn)
    else:
        factors = record(w).factors
        for label, one in (("hotp", factors.hotp[0]), ("outside", factors.outside[0])):
            assert w.keyring.open(label, one.sealed, "", "u1", one.id) is not None
