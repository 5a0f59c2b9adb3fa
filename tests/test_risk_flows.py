"""Risk in the engine: a right password is weighed, what is found only adds, and nothing is learned before all is proven."""

from datetime import timedelta

import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st
from tests.places import STORES
from tests.test_oracles import asking_ports

from acctsec import (
    CHEAPEST,
    Admin,
    ChallengeAnswer,
    ChallengeRequired,
    ConfigError,
    EnrollmentRequired,
    FactorRequired,
    Keyring,
    LockoutPolicy,
    MemoryStore,
    MfaPolicy,
    PasswordChangeRequired,
    Policy,
    PortError,
    Refused,
    ResetPolicy,
    SignedIn,
    StoreUnavailable,
    TryAgain,
)
from acctsec._codec import decode_record
from acctsec._values import evolve as changed
from acctsec.attacks.risk import Assessment, Contribution, Extra, Facts, LikelihoodRatio
from acctsec.budgets import Budget
from acctsec.events import AttemptRefused, PortFailed, RiskAssessed, SignedInEvent
from acctsec.keyring import frame
from acctsec.knobs import knobs
from acctsec.lockout import STRANGERS, Outage
from acctsec.outcomes import AssuranceLevel, ChangeReason
from acctsec.protocols import Account, Solved, Unsolved
from acctsec.record import Device, Factors, Record, Session, Totp, Verifier
from acctsec.steps import (
    Compared,
    Drawn,
    Granted,
    NeedsChange,
    NeedsEnrollment,
    NeedsFactor,
    NeedsPuzzle,
    No,
    Scene,
    Stale,
    Visit,
    Weighed,
    sign_in,
)
from acctsec.testing import RACING, assert_no_oracle, async_world, explore, race_world, world
from acctsec.testing.world import IDENTIFIER, PASSWORD

HOME, AWAY, BOB = "192.0.2.7", "198.51.100.1", "bob@example.org"
WRONG = "not the password 55"


@frozen
class Says:
    """A risk policy that always says the same."""

    extra: Extra = Extra.CHALLENGE
    score: int = 200

    def assess(self, facts):
        assert isinstance(facts, Facts)
        return Assessment(self.score, (Contribution("test", self.score),), self.extra)


class Riddle:
    """Its answers are its puzzles, backwards."""

    def __init__(self):
        self.seen = []

    def puzzle(self, seed):
        return seed.hex()

    def verify(self, puzzle, answer, *, source):
        self.seen.append(puzzle)
        return Solved() if answer == puzzle[::-1] else Unsolved()


def with_risk(risk, **parts):
    return evolve(CHEAPEST, risk=risk, **parts)


def asked(outcome):
    assert type(outcome) is ChallengeRequired, outcome
    return outcome


def answered(required):
    return ChallengeAnswer(required.ticket, required.puzzle[::-1])


def come(w, identifier=IDENTIFIER, password=PASSWORD, **facts):
    return w.calls.sign_in(identifier, password, context=w.context(**facts))


def failures(w, subject="u1"):
    """What the lanes of a subject count once every reservation has lapsed."""
    w.clock.advance(minutes=1)
    return sum(lane.failures for lane in w.calls.admin.lock_status(subject))


def record_of(w, subject="u1"):
    return decode_record(w.store.load(frame("subject", "", subject))[0])


def told(w, kind=RiskAssessed):
    w.deliver()
    return w.sink.of(kind)


@pytest.fixture(params=STORES)
def place(request, places):
    made = places.fresh(request.param)
    yield made
    made.close()


def made(risk, store=None, **parts):
    w = world(policy=with_risk(risk, **parts), store=store, challenge=Riddle())
    w.sign_up()
    return w


# --- what an owner and a thief meet -----------------------------------------------------------------------------------


def at_home(w, days=20):
    """An owner who signs in at home, every morning, with his device."""
    device = None
    for _ in range(days):
        device = w.sign_in(device=device).device
        w.clock.advance(days=1)
    return device


def test_a_thief_with_the_right_password_from_elsewhere_has_a_puzzle_to_solve_and_the_owner_none(place):
    w = made(LikelihoodRatio(), place.open())
    device = at_home(w)
    assert type(come(w, device=device)) is SignedIn
    assert type(come(w)) is SignedIn, "a new browser at home is nothing strange"
    w.clock.advance(hours=15)
    required = asked(come(w, address=AWAY))
    assert type(come(w, address=AWAY, challenge=answered(required))) is SignedIn
    assert failures(w) == 0
    extras = [event.extra for event in told(w)]
    assert extras == ["none"] * 22 + ["factor"] * 2


def test_a_process_that_starts_anew_knows_the_owner_by_his_record():
    w = made(LikelihoodRatio())
    at_home(w)
    w.restart()
    w.clock.advance(hours=15)
    asked(come(w, address=AWAY))


def test_whoever_is_asked_teaches_nothing_until_he_is_done(place):
    w = made(Says(), place.open())
    assert record_of(w).habits is None
    come(w, password=WRONG)
    required = asked(come(w))
    assert record_of(w).habits is None
    assert type(come(w, challenge=answered(required))) is SignedIn
    assert record_of(w).habits.sign_ins == 1
    assert w.calls.admin.export("u1").habits == (1, 1)


def test_a_factor_teaches_once_it_is_proven():
    w = made(None)
    app, _ = w.enroll(w.sign_in().session)
    w.restart(with_risk(Says(Extra.FACTOR)))
    due = come(w)
    assert type(due) is FactorRequired
    assert record_of(w).habits is None
    assert type(w.calls.verify_factor(due.ticket, app.wrong(w.clock()), context=w.context())) is Refused
    assert record_of(w).habits is None
    assert type(w.calls.verify_factor(due.ticket, app.code(w.clock()), context=w.context())) is SignedIn
    assert record_of(w).habits.sign_ins == 1


@pytest.mark.parametrize("extra", Extra)
def test_a_live_factor_is_more_than_any_puzzle(extra):
    w = made(None)
    w.enroll(w.sign_in().session)
    w.restart(with_risk(Says(extra)))
    assert type(come(w)) is FactorRequired
    assert w.challenge.seen == []


def test_without_a_challenge_there_is_an_event_and_nobody_is_held_up():
    w = made(Says(Extra.FACTOR))
    w.challenge = None
    w.restart()
    assert type(come(w)) is SignedIn
    assert [event.extra for event in told(w)] == ["factor"]


def test_a_puzzle_comes_before_everything_but_a_factor():
    """Nobody is told that a password has to change, or given an enrolment, who was not asked first."""
    w = made(Says())
    w.calls.admin.require_password_change("u1", actor="root")
    required = asked(come(w))
    assert type(come(w, challenge=answered(required))) is PasswordChangeRequired
    w = made(Says(), mfa=MfaPolicy(required_groups={"staff"}))
    w.directory.change("u1", groups={"staff"})
    required = asked(come(w))
    assert type(come(w, challenge=answered(required))) is EnrollmentRequired


def test_a_wrong_password_is_weighed_by_nobody_and_asked_for_nothing():
    w = made(Says(Extra.FACTOR))
    w.sign_up("u2", BOB, disabled := PASSWORD)
    w.directory.change("u2", status="disabled")
    for identifier, password in ((IDENTIFIER, WRONG), ("nobody@example.org", PASSWORD), (BOB, disabled)):
        assert come(w, identifier, password) == Refused()
    assert told(w) == []
    assert w.challenge.seen == []


@frozen
class Suspicious:
    """Asks whoever has signed in before: the kit has to set factors up first."""

    def assess(self, facts):
        return Assessment(facts.sign_ins, (), Extra.FACTOR if facts.sign_ins else Extra.NONE)


@pytest.mark.parametrize("risk", [LikelihoodRatio(), Suspicious()])
def test_no_outsider_can_tell_an_account_from_none(risk):
    assert_no_oracle(lambda: world(policy=with_risk(risk), challenge=Riddle()), operations=asking_ports)


# --- tickets ----------------------------------------------------------------------------------------------------------


def test_a_ticket_signs_in_once_from_its_source_to_its_account(place):
    w = made(Says(), place.open())
    w.sign_up("u2", BOB)
    answer = answered(asked(come(w)))
    asked(come(w, BOB, challenge=answer))
    asked(come(w, address=AWAY, challenge=answer))
    assert w.challenge.seen == []
    assert type(come(w, challenge=answer)) is SignedIn
    asked(come(w, challenge=answer))
    assert [failures(w, one) for one in ("u1", "u2")] == [0, 0]


def test_a_wrong_answer_is_no_guess_of_the_password(place):
    w = made(Says(), place.open())
    for _ in range(15):  # more than strangers have free
        required = asked(come(w))
        required = asked(come(w, challenge=ChallengeAnswer(required.ticket, "wrong")))
    assert type(come(w, challenge=answered(required))) is SignedIn
    assert failures(w) == 0


def test_a_solved_puzzle_makes_no_wrong_password_right():
    w = made(Says())
    answer = answered(asked(come(w)))
    assert come(w, password=WRONG, challenge=answer) == Refused()
    assert failures(w) == 1


def test_a_right_password_that_is_asked_refills_nothing():
    """Failures of others stay, as beside a factor that is due."""
    w = made(Says())
    for number in range(4):
        come(w, password=f"{WRONG} {number}", address=f"203.0.113.{number}")
    asked(come(w))
    assert failures(w) == 4


class Apart:
    """A store whose meters can be taken away."""

    def __init__(self, store):
        self.down = False
        for name in ("load", "commit", "drain", "ack", "scan", "settle", "read"):
            setattr(self, name, getattr(store, name))
        self._charge = store.charge

    def charge(self, charges, now):
        if self.down:
            raise StoreUnavailable("Away.", remedy="Bring them back.")
        return self._charge(charges, now)


def test_a_right_password_that_is_asked_takes_back_what_was_counted_for_it_and_no_more():
    """While the meters are away each guess is counted in the record; what others failed stays there."""
    w = world(
        policy=with_risk(Says(), lockout=LockoutPolicy(on_outage=Outage.LOCAL)), challenge=Riddle(), store=Apart(MemoryStore())
    )
    w.sign_up()
    w.store.down = True
    come(w, password=WRONG, address=AWAY)
    for _ in range(3):
        asked(come(w))
    assert record_of(w).checkpoint("password/strangers").alone == 1


def test_neighbours_cannot_keep_a_known_device_out():
    """They use up what their address may answer; the owner on his device is asked, and let in."""
    few = LockoutPolicy(challenges=Budget(limit=2, window=timedelta(hours=1)))
    w = made(None)
    device = w.sign_in().device
    w.sign_up("u2", BOB)
    w.restart(with_risk(Says(), lockout=few))
    for _ in range(3):
        outcome = come(w, BOB, challenge=ChallengeAnswer(asked(come(w, BOB)).ticket, "wrong"))
    assert type(outcome) is Refused and outcome.retry_after
    required = asked(come(w, device=device))
    assert type(come(w, device=device, challenge=answered(required))) is SignedIn
    assert failures(w, "u2") == 0


def puzzled():
    """A world to race in: its owner was asked for a puzzle, and has the answer."""
    w = race_world(policy=evolve(RACING, risk=Says(), reset=ResetPolicy(passwords_by_administrators=True)))
    w.challenge = Riddle()
    w.restart()
    w.sign_up()
    w.answer = answered(w.calls.sign_in(IDENTIFIER, PASSWORD, context=w.context()))
    return w


def test_in_no_order_does_one_answer_sign_in_twice():
    def flows(w):
        context = w.context(challenge=w.answer)
        return [w.engine.sign_in(IDENTIFIER, PASSWORD, context=context) for _ in range(2)]

    def check(w, answers):
        kinds = [type(one) for one in answers]
        assert kinds.count(SignedIn) <= 1, kinds
        assert set(kinds) <= {SignedIn, ChallengeRequired, TryAgain}, kinds
        assert kinds.count(SignedIn) == 1 or TryAgain in kinds, kinds

    assert explore(puzzled, flows, check, limit=20_000).schedules > 1


def test_who_has_solved_is_not_asked_again_because_the_verifier_changed_meanwhile():
    async def there_and_back(w):
        for password in ("another phrase entirely 99", PASSWORD):
            await w.engine.set_password("u1", password, by=Admin("root"), context=w.context())

    def flows(w):
        return [w.engine.sign_in(IDENTIFIER, PASSWORD, context=w.context(challenge=w.answer)), there_and_back(w)]

    seen = set()

    def check(w, answers):
        seen.add(type(answers[0]))
        assert type(answers[0]) in {SignedIn, PasswordChangeRequired, Refused, TryAgain}, answers[0]

    explore(puzzled, flows, check, limit=20_000)
    assert {SignedIn, PasswordChangeRequired} <= seen


# --- a broken world ---------------------------------------------------------------------------------------------------


async def later():
    return Assessment(0, (), Extra.NONE)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        True,
        Extra.NONE,
        later,
        Assessment(0.5, (), Extra.NONE),
        Assessment(0, (), 0),
        Assessment(0, [], Extra.NONE),
        Assessment(0, (("test", 0),), Extra.NONE),
        Assessment(0, (Contribution("x" * 65, 0),), Extra.NONE),
        Assessment(0, (Contribution("a\nb", 0),), Extra.NONE),
        Assessment(0, (Contribution("test", True),), Extra.NONE),
        Assessment(0, (Contribution("test", 0),) * 33, Extra.NONE),
        ZeroDivisionError(),
    ],
    ids=lambda one: getattr(one, "__name__", str(one)),
)
@pytest.mark.filterwarnings("ignore:coroutine")
def test_a_risk_policy_that_misbehaves_denies_loudly_and_counts_nothing(answer):
    class Broken:
        def assess(self, facts):
            if isinstance(answer, Exception):
                raise answer
            return answer() if callable(answer) else answer

    w = made(Broken())
    with pytest.raises(PortError, match=r"risk\.assess"):
        come(w)
    assert failures(w) == 0
    assert come(w, password=WRONG) == Refused()


def test_a_challenge_that_fails_while_somebody_signs_in_asks_again_and_says_so():
    w = made(Says())
    answer = answered(asked(come(w)))

    def away(puzzle, answer, *, source):
        raise TimeoutError("no answer")

    w.deliver()
    w.challenge.verify = away
    w.restart()
    asked(come(w, challenge=answer))
    w.deliver()
    observed = [event for key, event in w.sink.handed if not key]
    assert [event.port for event in observed if isinstance(event, PortFailed)] == ["challenge"]
    assert [event.reason for event in observed if isinstance(event, AttemptRefused)] == ["due", "unsolved"]
    assert {event.kind for event in observed if isinstance(event, AttemptRefused)} == {"challenge"}
    assert failures(w) == 0


def test_a_challenge_that_makes_no_puzzle_counts_nothing():
    w = made(Says())
    w.challenge.puzzle = lambda seed: None
    w.restart()
    with pytest.raises(PortError, match=r"challenge\.puzzle"):
        come(w)
    assert failures(w) == 0


# --- keys, faces, policies --------------------------------------------------------------------------------------------


def test_the_owner_stays_known_while_index_keys_rotate():
    w = made(LikelihoodRatio())
    old = Keyring(sealing=[b"s" * 3 + bytes(range(29))], index=[b"o" * 3 + bytes(range(29))])
    new = Keyring(sealing=[b"s" * 3 + bytes(range(29))], index=[b"n" * 3 + bytes(range(29)), b"o" * 3 + bytes(range(29))])
    w = world(policy=with_risk(LikelihoodRatio()), challenge=Riddle())
    w.restart(keyring=old)
    w.sign_up()
    at_home(w)
    w.restart(keyring=new)
    assert type(come(w)) is SignedIn
    w.clock.advance(hours=15)
    asked(come(w, address=AWAY))


def test_both_faces_tell_one_story():
    def story(make):
        w = make(policy=with_risk(Says()), challenge=Riddle())
        w.sign_up()
        required = asked(come(w))
        outcomes = [required, come(w, challenge=answered(required))]
        w.deliver()
        w.close()
        return list(map(repr, outcomes)), list(map(repr, w.sink.events))

    assert story(world) == story(async_world)


def test_an_event_has_names_and_numbers_only():
    w = made(LikelihoodRatio())
    at_home(w, days=4)
    for event in told(w):
        assert [name for name, _ in event.contributions] == ["prefix", "address", "device", "hour"]
        assert event.score == sum(amount for _, amount in event.contributions)
        assert event.source == HOME  # as every event has it, and nothing else of the request
    assert len(told(w)) == len(w.sink.of(SignedInEvent)) == 4


@pytest.mark.parametrize("wrong", [LikelihoodRatio, "risk", 7, object(), True, lambda facts: None])
def test_what_is_no_risk_policy_is_refused(wrong):
    with pytest.raises(ConfigError, match="risk") as refused:
        Policy(risk=wrong)
    assert refused.value.remedy


def test_the_knobs_of_a_risk_policy_are_shown_and_change_the_digest():
    class Own:
        def assess(self, facts):
            return Assessment(0, (), Extra.NONE)

    policies = [Policy(risk=risk) for risk in (None, LikelihoodRatio(), LikelihoodRatio(challenge=90), Own())]
    assert len({policy.digest for policy in policies}) == 4
    shown = {knob.name: knob for knob in knobs(policies[2])}
    assert shown["risk.challenge"].value == "90"
    assert all(knob.meaning and knob.source for knob in knobs(policies[1]) if knob.family == "risk")
    assert [knob.name for knob in knobs(policies[0]) if knob.family == "risk"] == []
    assert [knob.value.rpartition(".")[2] for knob in knobs(policies[3]) if knob.family == "risk"] == ["Own"]


class Remembers:
    """Keeps the facts it was shown."""

    def __init__(self):
        self.facts = []

    def assess(self, facts):
        self.facts.append(facts)
        return Assessment(0, (), Extra.NONE)


def test_wrong_passwords_of_strangers_are_attacks_and_sign_ins_are_traffic():
    """Whoever they are tried at; what an owner mistypes on his own device is none."""
    risk = Remembers()
    w = made(risk)
    device = w.sign_in().device
    come(w, password=WRONG, device=device)
    come(w, password=WRONG, address=AWAY)
    come(w, "nobody@example.org", PASSWORD)
    w.sign_in(device=device)
    prefix, address = risk.facts[-1].places
    assert (prefix.within.own, prefix.within.everybody, prefix.within.attacks) == (1, 1, 2)
    assert (address.seen.own, address.seen.everybody, address.seen.attacks) == (1, 1, 1)
    assert risk.facts[-1].known_device and (risk.facts[-1].sign_ins, risk.facts[-1].known) == (1, 0)
    assert risk.facts[-1].hours[w.clock().hour] == 1 and risk.facts[-1].hour == w.clock().hour


def test_nothing_is_kept_where_nothing_is_weighed():
    w = made(None)
    w.sign_in()
    assert record_of(w).habits is None
    assert w.engine._flows.sign_in.risks is None


# --- the step ---------------------------------------------------------------------------------------------------------

START = world().clock.now
VERIFIER = Verifier(sealed=b"sealed", born=1, preparation=1, since=START)
TOTP = Totp(id="f", name="", sealed=b"s", created=START, last_step=0)
ASSESSMENTS = st.builds(
    Assessment,
    st.integers(-2000, 2000),
    st.lists(st.builds(Contribution, st.sampled_from(["device", "hour"]), st.integers(-300, 300)), max_size=4).map(tuple),
    st.sampled_from(Extra),
)
RECORDS = st.builds(
    lambda factor, change, disabled, verifier: Record(
        incarnation=b"i" * 16,
        epoch=1,
        verifier=VERIFIER if verifier else None,
        factors=Factors(totp=(TOTP,) if factor else ()),
        change=change,
        disabled=disabled,
    ),
    st.booleans(),
    st.sampled_from([None, *ChangeReason]),
    st.booleans(),
    st.booleans(),
)
SCENES = st.builds(
    lambda account, groups: Scene(
        tenant="", subject="u1", account=Account(subject="u1", groups=groups) if account else None, now=START
    ),
    st.booleans(),
    st.sampled_from([(), ("staff",)]),
)
REQUIRED = {
    Granted: set(),
    NeedsPuzzle: {"puzzle"},
    NeedsFactor: {"factor"},
    NeedsChange: {"change"},
    NeedsEnrollment: {"enrolment"},
    No: {"everything"},
    Stale: {"everything"},
}


@given(RECORDS, SCENES, ASSESSMENTS, st.booleans(), st.booleans())
def test_what_is_asked_for_with_risk_is_never_less_than_without(record, scene, assessment, matched, solved):
    """Every demand that stood stands, at once or after the puzzle; and no device is refused because of a score."""
    policy = evolve(CHEAPEST, mfa=MfaPolicy(required_groups={"staff"}))
    compared = Compared(record.incarnation, record.verifier and 1, matched)
    drawn = Drawn(session=b"s" * 16, device=b"d" * 16)
    visit = Visit(paths=((("address", b"a" * 16),),), hour=9, known_device=False)

    def step(**evidence):
        return sign_in(policy, record, scene=scene, compared=compared, lane=STRANGERS, drawn=drawn, renewed=None, **evidence)

    without = step()
    with_risk = step(visit=visit, weighed=Weighed(assessment=assessment, solved=solved))
    after_it = step(visit=visit, weighed=Weighed(assessment=assessment, solved=True))
    kinds = type(without.verdict), type(with_risk.verdict)
    if type(with_risk.verdict) is NeedsPuzzle:
        assert not solved and assessment.extra and not record.factors.live
        assert type(without.verdict) not in {No, Stale, NeedsFactor}
        assert REQUIRED[type(after_it.verdict)] | {"puzzle"} >= REQUIRED[type(without.verdict)]
        assert with_risk.record.sessions == () and with_risk.record.habits is None
    else:
        assert kinds[0] is kinds[1]
        assert solved or record.factors.live or not assessment.extra or kinds[0] in {No, Stale}
    learned = with_risk.record.habits is not None
    assert learned is (type(with_risk.verdict) is Granted)
    weighed = [effect for effect in with_risk.effects if isinstance(effect, RiskAssessed)]
    assert len(weighed) == (kinds[0] not in {No, Stale})
    assert changed(after_it.record, habits=None) == without.record


def test_a_session_and_a_device_are_as_without_risk():
    """The grant itself is untouched."""
    w, other = made(Says(Extra.NONE)), world()
    other.sign_up()
    for one in (w, other):
        assert type(come(one)) is SignedIn
    found, plain = record_of(w), record_of(other)
    assert [type(one) for one in found.sessions] == [Session] and found.sessions[0].level is AssuranceLevel.AAL1
    assert [type(one) for one in found.devices] == [Device]
    assert (len(found.sessions), len(found.devices)) == (len(plain.sessions), len(plain.devices))
