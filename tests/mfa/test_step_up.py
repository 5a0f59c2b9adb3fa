"""What a session may do hangs on proofs that are young enough, and on nothing else; each way that is told leads there."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from acctsec import (
    CHEAPEST,
    Allowed,
    AssuranceLevel,
    ConfigError,
    CurrentPassword,
    EnrollmentRequired,
    FactorMissing,
    FactorRequired,
    FreshSession,
    PasswordChanged,
    ReauthenticationRequired,
    RecoveryCode,
    Refused,
    SessionEnded,
    SessionPolicy,
    SignedIn,
)
from acctsec._values import evolve as changed
from acctsec.assurance import Method, is_complete, level_of
from acctsec.attacks.risk import Assessment, Contribution, Extra
from acctsec.claims import SessionClaims, Ticket
from acctsec.headers import step_up_header
from acctsec.mfa import DEVICE_BOUND, PHISHING_RESISTANT, SECOND_FACTOR, USER_VERIFIED, Action, MfaPolicy, Rule, all_of, any_of
from acctsec.mfa.needs import AllOf, AnyOf, AtLeast, Shown, level_in, together, ways
from acctsec.mfa.passkeys import PasskeyPolicy
from acctsec.mfa.proving import Proven, Unproven
from acctsec.outcomes import FactorKind
from acctsec.protocols import Account
from acctsec.record import MAX_PROOFS, SKEW, Delivered, Factors, Hotp, Passkey, Proof, Record, Session, Totp, Verifier
from acctsec.steps import Compared, Drawn, Enough, FactorFound, Granted, Lacking, No, Scene, standing, step_up
from acctsec.steps.scene import dated, gathered
from acctsec.testing import world
from acctsec.testing.world import IDENTIFIER, PASSWORD

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
AAL1, AAL2, AAL3 = AssuranceLevel
FACTORS = ("totp", "hotp", "text-code", "passkey", "passkey-touch-bound")
METHODS = ("password", *FACTORS)
ALL = frozenset(FactorKind) - {FactorKind.RECOVERY_CODE, FactorKind.OUTSIDE}  # nobody is outside here


class Payments(StrEnum):
    """A platform's own."""

    PAY = "pay"
    INVOICE = "invoice"


ATOMS = [*METHODS, AAL1, AAL2, AAL3, SECOND_FACTOR, PHISHING_RESISTANT, USER_VERIFIED, DEVICE_BOUND]
needs = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.builds(
        lambda join, parts: join(*parts), st.sampled_from([any_of, all_of]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=5,
)
ages = st.integers(0, 3_600).map(lambda seconds: timedelta(seconds=seconds))


def has(*methods):
    """Factors that can be proven by these."""
    made = {"id": "", "name": "", "created": NOW - DAY}
    key = {"credential": b"c", "key": b"k", "aaguid": b"", "transports": ()}
    found = Factors()
    for number, method in enumerate(methods):
        made = made | {"id": f"f{number}"}
        one = {
            "totp": lambda made=made: Totp(**made, sealed=b"s", last_step=0),
            "hotp": lambda made=made: Hotp(**made, sealed=b"s", counter=0),
            "text-code": lambda made=made: Delivered(**made, channel="text", sealed=b"s", digest=b"d"),
            "passkey": lambda made=made: passkey(made, key, verified=True, syncable=True),
            "passkey-touch-bound": lambda made=made: passkey(made, key, verified=False, syncable=False),
        }[method]()
        found = found.with_factor(one)
    return found


def passkey(made, key, *, verified, syncable):
    names = Passkey.__struct_fields__
    fields = {name: value for name, value in (made | key).items() if name in names}
    return Passkey(**fields, verified=verified, syncable=syncable)


class Fits:
    """An answer that fits a factor of that method, and may be used once more."""

    factor = "f"

    def __init__(self, method):
        self.method = method

    def use(self, factors):
        return Proven(factors, self.method)


class Fails:
    """One that was used before."""

    factor = "f"

    def use(self, factors):
        return Unproven()


def scene(at=NOW, *, groups=()):
    account = Account(subject="u1", identifiers=(IDENTIFIER,), addresses=(IDENTIFIER,), groups=frozenset(groups))
    return Scene(tenant="", subject="u1", account=account, now=at)


def drawn(number=1):
    return Drawn(session=bytes([number]) * 16, device=b"d" * 16, network=b"n" * 16)


def record_of(factors, proofs=(), *, session=b"s", epoch=0):
    row = Session(
        id=session,
        level=level_of(dict(proofs)),
        created=NOW - 5 * DAY if level_of(dict(proofs)) < AAL3 else NOW,
        authenticated=NOW,
        proofs=tuple(Proof.of(*one) for one in proofs),
    )
    verifier = Verifier(sealed=b"v", born=epoch, preparation=1, since=NOW - DAY)
    return Record(incarnation=b"i", epoch=epoch, verifier=verifier, factors=factors, sessions=(row,))


def claims(record, at):
    return SessionClaims(tenant="", subject="u1", incarnation=b"i", epoch=record.epoch, id=record.sessions[0].id, active=at)


def ticket_for(record, action=Payments.PAY, *, number=1, **fields):
    usual = {
        "tenant": "",
        "subject": "u1",
        "incarnation": b"i",
        "epoch": record.epoch,
        "id": bytes([number]) * 16,
        "issued": NOW,
        "expires": NOW + 10 * MINUTE,
        "methods": (),
        "session": record.sessions[0].id,
        "action": str(action),
    }
    return Ticket(**usual | fields)


def policy_of(need, *, max_age=None, **fields):
    """A policy with one rule for paying; examples for which nobody can ever pay are none."""
    rules = () if need is None else (Rule(need, actions=Payments.PAY, max_age=max_age),)
    try:
        return evolve(CHEAPEST, mfa=MfaPolicy(kinds=ALL, rules=rules, actions=Payments, **fields))
    except ConfigError:
        assume(False)


def found(record, method):
    """What a flow hands to the step for a proof by this method."""
    if method == "password":
        return Compared(incarnation=b"i", born=record.verifier.born, matched=True)
    return FactorFound(Fits(method), {})


def asked(policy, record, action=Payments.PAY, at=NOW, **facts):
    return standing(policy, record, scene=scene(at), claims=claims(record, at), action=str(action), **facts)


# --- what is enough ---------------------------------------------------------------------------------------------------

situations = {
    "need": st.none() | needs,
    "max_age": st.none() | ages.map(lambda age: age + SECOND),
    "held": st.dictionaries(st.sampled_from(METHODS), ages | st.just(SECOND), max_size=MAX_PROOFS),
    "factors": st.sets(st.sampled_from(FACTORS)),
}


@given(**situations)
def test_a_session_may_where_the_needs_are_met_by_proofs_that_are_young_enough_and_nowhere_else(need, max_age, held, factors):
    """Said once more, without the code that says it."""
    policy = policy_of(need, max_age=max_age)
    record = record_of(has(*sorted(factors)), {method: NOW - age for method, age in held.items()}.items())
    limit = max_age if need is not None and max_age is not None else policy.sessions.fresh
    young = {method for method, age in held.items() if age < limit}
    met = bool(young) and (not factors or is_complete(young))
    met = met and (need is None or together([Rule(need, actions=Payments.PAY).needs]).met(young))

    assert isinstance(asked(policy, record), Enough if met else Lacking)


@given(**situations)
def test_it_may_until_the_instant_that_is_told_and_not_at_it(need, max_age, held, factors):
    """To the microsecond, if nothing else happens."""
    policy = policy_of(need, max_age=max_age)
    record = record_of(has(*sorted(factors)), {method: NOW - age for method, age in held.items()}.items())
    outcome = asked(policy, record)
    if not isinstance(outcome, Enough):
        return

    assert isinstance(asked(policy, record, at=outcome.until - timedelta(microseconds=1)), Enough)
    assert isinstance(asked(policy, record, at=outcome.until), Lacking)


@given(**situations)
def test_the_ways_are_the_smallest_and_each_is_enough(need, max_age, held, factors):
    """And only what the subject has is among them."""
    policy = policy_of(need, max_age=max_age)
    record = record_of(has(*sorted(factors)), {method: NOW - age for method, age in held.items()}.items())
    outcome = asked(policy, record)
    if isinstance(outcome, Enough):
        return

    for way in outcome.ways:
        assert way <= {"password", *factors}
        assert not any(other < way for other in outcome.ways)
        limit = outcome.demand.max_age
        shown = {method for method, age in held.items() if age < limit} | way
        assert outcome.demand.needs is None or outcome.demand.needs.met(shown)
        assert all(not outcome.demand.needs.met(shown - {one}) for one in way if outcome.demand.needs is not None)


@given(**situations, pauses=st.lists(st.integers(0, 20), min_size=3, max_size=3))
def test_each_way_ends_where_the_session_may(need, max_age, held, factors, pauses):
    """By every order of its proofs, one ticket after the other; nothing but the last one changes the session."""
    policy = policy_of(need, max_age=None if max_age is None else max_age + MINUTE)
    record = record_of(has(*sorted(factors)), {method: NOW - age for method, age in held.items()}.items())
    outcome = asked(policy, record)
    if isinstance(outcome, Enough):
        return

    for way in outcome.ways:
        now, after, ticket = NOW, record, ticket_for(record)
        done = None
        for number, method in enumerate(sorted(way)):
            now += timedelta(seconds=pauses[number])
            done = step_up(policy, after, scene=scene(now), ticket=ticket, found=found(after, method), drawn=drawn())
            after = done.record
            if isinstance(done.verdict, Lacking):
                assert after.sessions == record.sessions
                ticket = gathered(changed(ticket, id=bytes([number + 2]) * 16), done.verdict.methods, now)
        while isinstance(done.verdict, Lacking) and done.verdict.ways:  # what the session held grew too old meanwhile
            method = min(done.verdict.ways[0])
            done = step_up(policy, after, scene=scene(now), ticket=ticket, found=found(after, method), drawn=drawn())
            after = done.record
            ticket = (
                gathered(changed(ticket, id=ticket.id[:-1] + bytes([len(after.spent)])), done.verdict.methods, now)
                if isinstance(done.verdict, Lacking)
                else ticket
            )
        assert isinstance(done.verdict, Granted)
        assert isinstance(asked(policy, after, at=now), Enough)
        assert after.sessions[0].id != record.sessions[0].id


@given(steps=st.lists(st.tuples(st.sampled_from(METHODS), st.integers(0, 120)), min_size=1, max_size=6))
def test_no_proof_looks_younger_than_it_is_however_often_a_ticket_goes_on(steps):
    """Its date is carried along; only a new proof of its kind renews it."""
    ticket = ticket_for(record_of(Factors()), issued=NOW + timedelta(microseconds=700_000))
    now, true = ticket.issued, {}
    for number, (method, pause) in enumerate(steps):
        now += timedelta(seconds=pause, microseconds=123_456)
        true[method] = now
        methods = (*(one for one in ticket.methods if one != method), method)
        ticket = gathered(changed(ticket, id=bytes([number + 2]) * 16), methods, now)

    when = dated(ticket)
    assert {method: at.replace(microsecond=0) for method, at in true.items()} == when
    assert (ticket.issued, ticket.expires) == (NOW + timedelta(microseconds=700_000), NOW + 10 * MINUTE)


def test_a_session_whose_level_rises_begins_anew():
    """It is five days old, and one of AAL3 lasts half a day: it must not end by the very proof."""
    policy = policy_of(AAL3)
    record = record_of(has("passkey-touch-bound"), [("password", NOW)])
    done = stepped(policy, record, ticket_for(record), "passkey-touch-bound")

    assert done.verdict.session.level is AAL3
    assert isinstance(asked(policy, done.record), Enough)
    again = stepped(policy, done.record, ticket_for(done.record, number=2), "passkey-touch-bound", at=NOW + MINUTE)
    assert again.verdict.session.created == NOW  # no proof makes one last longer than its level has it


def test_a_proof_counts_from_its_second_for_no_longer_than_it_may():
    """Its fraction is not kept, so it ends up to a second early, and never late."""
    policy, record = policy_of(None), record_of(Factors(), [("password", NOW)])
    end = NOW + policy.sessions.fresh

    behind = NOW - SKEW  # a node whose clock is
    assert isinstance(asked(policy, record, at=behind - timedelta(microseconds=1)), Lacking)
    assert isinstance(asked(policy, record, at=behind), Enough)
    assert isinstance(asked(policy, record, at=end - timedelta(microseconds=1)), Enough)
    assert isinstance(asked(policy, record, at=end), Lacking)


def test_a_step_up_that_began_strange_ends_by_the_rules_for_strange_requests():
    """One code is enough for everybody else."""
    mfa = MfaPolicy(kinds=ALL, actions=Payments, rules=(Rule(all_of("totp", "hotp"), actions=Payments.PAY, risky=True),))
    policy = evolve(CHEAPEST, mfa=mfa)
    record = record_of(has("totp", "hotp"), [("password", NOW)])

    assert isinstance(stepped(policy, record, ticket_for(record)).verdict, Granted)
    assert stepped(policy, record, ticket_for(record, risky=True)).verdict.ways == (frozenset({"hotp"}),)


def test_a_proof_that_grew_too_old_on_its_way_is_asked_for_again():
    """Two proofs of the last minute, with two minutes between them, are one."""
    policy = policy_of(all_of("totp", "passkey"), max_age=MINUTE)
    record = record_of(has("totp", "passkey"))
    first = step_up(policy, record, scene=scene(), ticket=ticket_for(record), found=found(record, "totp"), drawn=drawn())
    ticket = gathered(changed(ticket_for(record), id=b"2" * 16), first.verdict.methods, NOW)
    late = step_up(
        policy, first.record, scene=scene(NOW + 2 * MINUTE), ticket=ticket, found=found(record, "passkey"), drawn=drawn()
    )

    assert late.verdict.ways == (frozenset({"totp"}),)


# --- whose proof, for what --------------------------------------------------------------------------------------------


def stepped(policy, record, ticket, method="totp", at=NOW):
    return step_up(policy, record, scene=scene(at), ticket=ticket, found=found(record, method), drawn=drawn())


@pytest.mark.parametrize(
    "about",
    [
        {"session": b"o"},  # another session's, or one that was renewed since
        {"incarnation": b"j"},  # of somebody who was erased and came anew
        {"epoch": 1},  # made before a factor or the password changed
        {"issued": NOW - 11 * MINUTE, "expires": NOW - MINUTE},  # too old
    ],
    ids=["session", "incarnation", "epoch", "expired"],
)
def test_m120_a_proof_counts_for_the_ticket_that_it_was_given_on_alone(about):
    policy, record = policy_of(None), record_of(has("totp"))

    done = stepped(policy, record, ticket_for(record, **about))

    assert isinstance(done.verdict, No)
    assert done.record is record


def test_m120_a_ticket_and_an_answer_are_good_once():
    policy, record = policy_of(any_of("totp")), record_of(has("totp"), [("password", NOW)])
    ticket = ticket_for(record)
    done = stepped(policy, record, ticket)
    assert isinstance(done.verdict, Granted)

    assert isinstance(stepped(policy, done.record, ticket).verdict, No)
    again = step_up(policy, record, scene=scene(), ticket=ticket, found=FactorFound(Fails(), {}), drawn=drawn())
    assert isinstance(again.verdict, No)
    assert again.record is record


def test_m120_a_step_up_for_one_action_is_judged_by_that_action():
    """What is enough to see an invoice does not pay it; the proof itself counts for both, as it was given for this session."""
    rules = (Rule("totp", actions=Payments.INVOICE), Rule(all_of("totp", "passkey"), actions=Payments.PAY))
    keys = PasskeyPolicy(rp_id="example.com", rp_name="Otterly", origins=("https://example.com",))
    policy = evolve(CHEAPEST, mfa=MfaPolicy(kinds=ALL, rules=rules, actions=Payments, passkeys=keys))
    record = record_of(has("totp", "passkey"), [("password", NOW)])

    done = stepped(policy, record, ticket_for(record, Payments.INVOICE))

    assert isinstance(done.verdict, Granted)
    assert isinstance(asked(policy, done.record, Payments.INVOICE), Enough)
    assert asked(policy, done.record, Payments.PAY).ways == (frozenset({"passkey"}),)
    assert isinstance(stepped(policy, record, ticket_for(record, Payments.PAY)).verdict, Lacking)


def test_m120_a_password_that_is_wrong_or_was_changed_meanwhile_steps_nothing_up():
    policy, record = policy_of(None), record_of(Factors())
    for compared in (Compared(incarnation=b"i", born=0, matched=False), Compared(incarnation=b"i", born=7, matched=True)):
        done = step_up(policy, record, scene=scene(), ticket=ticket_for(record), found=compared, drawn=drawn())
        assert not isinstance(done.verdict, Granted | Lacking)
        assert done.record is record


@given(
    held=st.dictionaries(st.sampled_from(METHODS), ages, max_size=MAX_PROOFS),
    method=st.sampled_from(METHODS),
    factors=st.sets(st.sampled_from(FACTORS), min_size=1),
)
def test_i19_the_level_of_a_session_is_that_of_its_proofs_or_was_before(held, method, factors):
    policy = policy_of(None)
    record = record_of(has(*sorted(factors)), {one: NOW - age for one, age in held.items()}.items())
    done = stepped(policy, record, ticket_for(record), method)
    assume(isinstance(done.verdict, Granted))

    proofs = {proof.method for proof in done.verdict.session.proofs}
    assert proofs <= {*held, method}
    assert method in proofs
    assert done.verdict.session.level == max(record.sessions[0].level, level_of(proofs))


def test_a_remembered_browser_proves_nobody():
    """Not even where any proof will do."""
    policy, record = policy_of(None), record_of(Factors(), [(Method.REMEMBERED.value, NOW)])

    assert asked(policy, record).ways == (frozenset({"password"}),)


def test_a_session_that_proved_nothing_that_is_still_there_may_nothing():
    """Whose only factor was taken off, say."""
    policy, record = policy_of(None), record_of(Factors())

    assert asked(policy, record).ways == (frozenset({"password"}),)


def test_what_is_asked_for_outlives_what_the_session_has_too_much():
    """Four methods within the hour: the one that the action needs stays, though it is the oldest."""
    policy = policy_of(all_of("password", "passkey"))
    held = [("password", NOW - 3 * MINUTE), ("totp", NOW - 2 * MINUTE), ("hotp", NOW - MINUTE)]
    record = record_of(has("totp", "hotp", "passkey"), held)

    done = stepped(policy, record, ticket_for(record), "passkey")

    assert isinstance(asked(policy, done.record), Enough)


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "need"),
    [
        ({FactorKind.TOTP}, PHISHING_RESISTANT),
        ({FactorKind.TOTP}, AAL3),
        ({FactorKind.TOTP}, Method.PUSH),
        (set(), SECOND_FACTOR),
        (ALL, all_of("totp", "hotp", "push", "text-code")),
        (ALL, Method.REMEMBERED),
        ({FactorKind.TOTP, FactorKind.DELIVERED}, Method.VOICE),  # a channel that the policy does not name
    ],
)
def test_a_rule_that_nobody_can_meet_is_refused(kinds, need):
    with pytest.raises(ConfigError, match="needs") as refused:
        MfaPolicy(kinds=kinds, rules=(Rule(need, actions=Action.EXPORT_DATA),))
    assert refused.value.remedy


def test_rules_that_nobody_can_meet_together_are_refused_where_they_hold_together():
    """Each by itself is fine, and both are for two groups."""
    one = Rule(all_of("totp", "hotp"), actions=Action.EXPORT_DATA, groups={"staff"})
    other = Rule(all_of("push", "text-code"), actions=Action.EXPORT_DATA, groups={"press"})

    MfaPolicy(kinds=ALL, rules=(one, other))
    with pytest.raises(ConfigError, match="staff"):
        MfaPolicy(kinds=ALL, rules=(one, evolve(other, groups=())))


@given(count=st.integers(1, 32))
def test_as_many_rules_as_there_may_be_hold_for_one_action(count):
    """Each need is named once, and no number of them is too many for a sign-in."""
    named = [f"m{number}" for number in range(count)]
    joined = together([*map(Shown, named), *map(Shown, named)])

    assert joined.met(named)
    assert all(not joined.met(set(named) - {one}) for one in named)
    MfaPolicy(rules=(Rule(SECOND_FACTOR, actions=Action.EXPORT_DATA),) * count)
    assert together([]) is None


@given(need=needs)
def test_the_level_that_is_told_is_one_without_which_nobody_comes_through(need):
    """RFC 9470: a client that fetches less fetches it in vain."""
    need = Rule(need, actions=Payments.PAY).needs
    told = level_in(need)
    assume(told is not None)

    for way in ways(need, have=(), can=set(METHODS)):
        assert level_of(way) >= told


def test_the_words_of_the_level_of_alternatives():
    assert level_in(AnyOf((AtLeast(AAL3), Shown("passkey")))) is None
    assert level_in(AnyOf((AtLeast(AAL3), AtLeast(AAL2)))) is AAL2
    assert level_in(AllOf((AtLeast(AAL3), Shown("passkey")))) is AAL3


# --- through the engine -----------------------------------------------------------------------------------------------

PAYING = evolve(CHEAPEST, mfa=MfaPolicy(actions=Payments, rules=(Rule(AAL2, actions=Payments.PAY, max_age=5 * MINUTE),)))


@pytest.fixture
def w():
    made = world(policy=PAYING)
    made.sign_up()
    return made


def may(w, session, action=Payments.PAY):
    return w.engine.authorize(session, action, context=w.context())


def test_both_proofs_and_then_it_may_until_the_older_is_too_old(w):
    app, session = w.enroll(w.sign_in().session)
    w.clock.advance(minutes=20)

    lacks = may(w, session)
    assert isinstance(lacks, ReauthenticationRequired)
    half = w.engine.reauthenticate(lacks.ticket, PASSWORD, context=w.context())
    w.clock.advance(minutes=2)
    done = w.engine.verify_factor(half.ticket, app.code(w.clock()), context=w.context())

    assert isinstance(done, SignedIn)
    assert isinstance(may(w, session), SessionEnded)  # it goes on under another id
    allowed = may(w, done.session)
    assert isinstance(allowed, Allowed)
    assert timedelta(minutes=3) <= allowed.until - w.clock() <= timedelta(minutes=3, seconds=1)
    w.clock.advance(minutes=3, seconds=1)
    assert isinstance(may(w, done.session), ReauthenticationRequired)


def test_who_has_no_factor_is_told_which_would_do(w):
    outcome = may(w, w.sign_in().session)

    assert isinstance(outcome, FactorMissing)
    assert "totp" in outcome.methods
    assert "passkey" not in outcome.methods  # nobody can set one up before the policy names a domain


def test_a_sign_in_that_took_its_time_is_none_the_less_one(w):
    """The password is older than the session that came of it."""
    app, _ = w.enroll(w.sign_in().session)
    due = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    w.clock.advance(minutes=9)
    done = w.engine.verify_factor(due.ticket, app.code(w.clock()), context=w.context())

    assert isinstance(may(w, done.session, Action.SIGN_IN), Allowed)
    assert isinstance(may(w, done.session), ReauthenticationRequired)  # it is older than five minutes all the same


def test_the_header_says_what_the_answer_says(w):
    """RFC 9470 section 3."""
    step = may(w, w.sign_in().session).step_up

    assert step_up_header(acr=step.acr, max_age=step.max_age) == (
        'Bearer error="insufficient_user_authentication", error_description="A stronger or more recent sign-in is needed", '
        'acr_values="aal2 aal3", max_age="300"'
    )


@pytest.mark.parametrize("action", ["pey", "", 7, None, ["pay"], "x" * 1_000])
def test_an_action_that_nobody_listed_is_a_mistake(w, action):
    with pytest.raises(ConfigError, match="knows no action"):
        may(w, w.sign_in().session, action)


class Strange:
    """A risk policy that finds everything strange, once it is told to."""

    strange = False

    def assess(self, facts):
        extra = Extra.CHALLENGE if self.strange else Extra.NONE
        return Assessment(200, (Contribution("test", 200),), extra)


def test_a_rule_for_strange_requests_holds_until_all_is_proven():
    """A code is not enough for the second answer of a sign-in where it was not for the first."""
    risk = Strange()
    need = all_of("totp", "recovery-code")
    mfa = MfaPolicy(actions=Payments, rules=(Rule(need, actions=(Action.SIGN_IN, Payments.PAY), risky=True),))
    w = world(policy=evolve(CHEAPEST, mfa=mfa, risk=risk))
    w.sign_up()
    app, session = w.enroll(w.sign_in().session)
    codes = w.engine.issue_recovery_codes(session, context=w.context())
    risk.strange = True

    due = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    half = w.engine.verify_factor(due.ticket, app.code(w.clock()), context=w.context())
    assert isinstance(half, FactorRequired)
    assert [one.method for one in half.factors] == ["recovery-code"]
    done = w.engine.verify_factor(half.ticket, RecoveryCode(codes.codes[0]), context=w.context())
    assert isinstance(done, SignedIn)

    w.clock.advance(minutes=30)
    lacks = may(w, done.session)
    half = w.engine.verify_factor(lacks.ticket, app.code(w.clock()), context=w.context())
    assert not isinstance(half, SignedIn)


def test_a_claim_of_the_password_goes_around_no_rule():
    """Neither without a session, nor with one whose proofs are older than the rule lets them be."""
    rules = (Rule(SECOND_FACTOR, actions=Action.CHANGE_PASSWORD, max_age=5 * MINUTE),)
    w = world(policy=evolve(CHEAPEST, mfa=MfaPolicy(rules=rules)))
    w.sign_up()
    new = "fourteen calm herons 26"
    first = w.sign_in().session
    for by in (CurrentPassword(PASSWORD), CurrentPassword(PASSWORD, session=first), FreshSession(first)):
        assert w.engine.set_password("u1", new, by=by, context=w.context()) == Refused()

    _, session = w.enroll(first)
    w.clock.advance(minutes=6)
    assert w.engine.set_password("u1", new, by=CurrentPassword(PASSWORD, session=session), context=w.context()) == Refused()
    lacks = may(w, session, Action.CHANGE_PASSWORD)
    assert isinstance(lacks, FactorRequired | ReauthenticationRequired)


def test_without_a_rule_the_factor_of_an_older_session_is_enough_beside_the_password():
    w = world(policy=evolve(CHEAPEST, sessions=SessionPolicy(fresh=5 * MINUTE)))
    w.sign_up()
    _, session = w.enroll(w.sign_in().session)
    w.clock.advance(hours=5)
    claim = CurrentPassword(PASSWORD, session=session)

    assert isinstance(w.engine.set_password("u1", "fourteen calm herons 26", by=claim, context=w.context()), PasswordChanged)


def test_no_proof_of_an_enrolment_looks_younger_than_it_is():
    """The password was given when the sign-in began, whatever was set up since."""
    w = world(policy=evolve(PAYING, mfa=evolve(PAYING.mfa, required=True)))
    w.sign_up()
    due = w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context())
    assert isinstance(due, EnrollmentRequired)
    w.clock.advance(minutes=6)
    app, session = w.enroll(due.ticket)

    assert isinstance(may(w, session), ReauthenticationRequired)
    assert isinstance(may(w, session, Action.SIGN_IN), Allowed)
    assert app
