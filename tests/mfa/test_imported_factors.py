"""Authenticators that others set up, taken over by an operator: within the same bounds, for who has none, each code once."""

from contextlib import closing
from datetime import timedelta

import pytest
from tests.mfa.otp_stage import Clocked, Counting, a_world, enrolled, record, verify
from tests.places import STORES, USUAL

from acctsec import ConfigError, FactorImported, Refused, SignedIn, TokenRejected, events
from acctsec.mfa import Algorithm, OtpForm, totp
from acctsec.outcomes import ImportObjection, NotImported, UriFlaw
from acctsec.testing.world import async_world, world

ODD = OtpForm(algorithm=Algorithm.SHA256, digits=8, period=timedelta(seconds=60))
SECRET = bytes(range(32))


@pytest.fixture(params=[one if one in USUAL else pytest.param(one, marks=pytest.mark.deep) for one in STORES])
def w(request, places):
    """A world on each kind of store."""
    with closing(places.fresh(request.param)) as place:
        yield a_world(place.open())


def taken(w, token, **more):
    return w.calls.admin.import_factor("u1", token.uri, actor="mover", **more)


@pytest.mark.parametrize("token", [Clocked(SECRET, ODD), Counting(SECRET, 41)], ids=["clock", "button"])
def test_who_had_an_authenticator_elsewhere_signs_in_with_it_here_on_every_store(w, token):
    outcome = taken(w, token, name="as before")
    assert isinstance(outcome, FactorImported)
    assert (outcome.again, outcome.factor.name) == (False, "as before")
    w.clock.advance(minutes=3)
    answer = token.code(w.clock()) if isinstance(token, Clocked) else token.press()
    assert isinstance(verify(w, answer), SignedIn)
    assert verify(w, answer) == Refused()
    w.deliver()
    assert [(one.actor, one.factor) for one in w.sink.of(events.FactorImported)] == [("mover", outcome.factor.id)]


def test_no_code_that_was_shown_before_is_good_after():
    w = a_world()
    token = Clocked(SECRET, ODD)
    taken(w, token)
    seen = [token.code(w.clock(), step=step) for step in (-1, 0, 1)]
    for code in seen:
        assert verify(w, code) == Refused()
    last = record(w).factors.totp[0].last_step
    assert last == totp.step_of(w.clock(), ODD) + 1


def test_the_same_again_changes_nothing_and_another_is_refused():
    w = a_world()
    token = Clocked(SECRET, ODD)
    first = taken(w, token)
    before = record(w)
    again = taken(w, token)
    assert isinstance(again, FactorImported)
    assert (again.again, again.factor.id) == (True, first.factor.id)
    assert taken(w, Clocked(SECRET[::-1], ODD)) == NotImported(ImportObjection.HAS_FACTOR)
    assert taken(w, Counting(SECRET)) == NotImported(ImportObjection.HAS_FACTOR)
    assert record(w) == before


def test_nobody_is_given_a_factor_beside_his_own():
    """Whoever gives it knows its secret, and so would have a second factor of somebody else."""
    w = a_world()
    enrolled(w, Counting(SECRET[:20]))
    assert taken(w, Clocked(SECRET, ODD)) == NotImported(ImportObjection.HAS_FACTOR)


@pytest.mark.parametrize("tell", [True, False])
def test_its_owner_is_told_but_for_a_move_of_everybody(tell):
    w = a_world()
    w.deliver()
    before = len(w.messenger.messages)
    taken(w, Clocked(SECRET, ODD), tell=tell)
    w.deliver()
    assert [message.purpose for message in w.messenger.messages[before:]] == ["factor-added"] * tell


def test_a_look_writes_nothing():
    w = a_world()
    before = record(w)
    outcome = taken(w, Clocked(SECRET, ODD), dry_run=True)
    assert isinstance(outcome, FactorImported)
    assert record(w) == before


@pytest.mark.parametrize("digits", ["5", "9", "99999999999999999999", "٦", "-6", "6.0", ""])
def test_m127_what_is_out_of_bounds_is_not_taken_over(digits):
    w = a_world()
    before = record(w)
    uri = f"otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits={digits}"
    outcome = w.calls.admin.import_factor("u1", uri, actor="mover")
    assert isinstance(outcome, TokenRejected)
    assert record(w) == before


def test_a_period_that_is_no_multiple_of_the_grain_is_not_taken_over():
    w = a_world()
    odd = Clocked(SECRET, OtpForm(period=timedelta(seconds=20)))
    assert taken(w, odd) == TokenRejected(UriFlaw.FORM)


def test_what_an_operator_gets_wrong_is_said():
    w = a_world()
    token = Counting(SECRET)
    assert w.calls.admin.import_factor("nobody", token.uri, actor="mover") == NotImported(ImportObjection.UNKNOWN_SUBJECT)
    with pytest.raises(ConfigError):
        taken(w, token, name="x" * 41)
    with pytest.raises(ConfigError):
        w.calls.admin.import_factor("u1", token.uri, actor="")
    plain = world()
    plain.sign_up()
    with pytest.raises(ConfigError, match="kind hotp"):
        plain.calls.admin.import_factor("u1", token.uri, actor="mover")


def test_the_async_face_does_the_same():
    w = a_world(make=async_world)
    token = Clocked(SECRET, ODD)
    assert isinstance(taken(w, token), FactorImported)
    w.clock.advance(minutes=3)
    assert isinstance(verify(w, token.code(w.clock())), SignedIn)
    w.close()
