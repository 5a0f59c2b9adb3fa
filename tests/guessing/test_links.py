"""One reset link and sixty-four callers at once: one effect, and the notice of a change exactly where there is a change."""

import pytest
from tests.guessing.crowd import CROWDED, Call, Crowd, signed_up, usually

from acctsec import MessagePurpose, Refused, ResetLink, SignedIn
from acctsec.events import PasswordReset
from acctsec.testing.world import IDENTIFIER

CALLERS = 64
LOST = {"Refused", "TryAgain"}


def callers(link):
    """Each has a password of his own to set by the one link."""
    return [
        Call(password=f"amber lantern {number:02d} beside quiet gravel", source=f"2001:db8:{number + 1:x}::1", link=link)
        for number in range(CALLERS)
    ]


def judged(w, calls, *, least):
    """One password works, and it was told once; or none does and nothing was told."""
    works = []
    for number, call in enumerate(calls):
        w.calls.admin.unlock("u1", actor="judge")
        found = w.calls.sign_in(IDENTIFIER, call.password, context=w.context(f"203.0.113.{number + 1}"))
        works.append(isinstance(found, SignedIn))
    w.deliver()
    assert least <= works.count(True) <= 1
    assert len(w.messenger.of(MessagePurpose.PASSWORD_CHANGED)) == len(w.sink.of(PasswordReset)) == works.count(True)
    return works


@usually("memory", "sqlite", "postgres+valkey")
def test_sixty_four_callers_in_two_processes_change_one_password_once(place, tmp_path):
    w = signed_up(place, CROWDED)
    calls = callers(w.reset_link())
    with Crowd(place, tmp_path, processes=2, now=w.clock()) as crowd:
        outcomes = crowd.at_once(calls)
    assert outcomes.count("PasswordChanged") == 1
    assert set(outcomes) - LOST == {"PasswordChanged"}
    assert judged(w, calls, least=1)[outcomes.index("PasswordChanged")]
    assert w.calls.redeem_reset(ResetLink(calls[0].link), "quite another phrase 33", context=w.context()) == Refused()


@usually("sqlite", "postgres+valkey")
@pytest.mark.parametrize("after", [1, CROWDED.lockout.codes.free])
def test_with_a_process_killed_meanwhile_one_is_changed_at_most_and_told_exactly_then(shared, tmp_path, after):
    """The process dies after so many comparisons with the old password; who is left goes on."""
    w = signed_up(shared, CROWDED)
    calls = callers(w.reset_link())
    with Crowd(shared, tmp_path, processes=2, now=w.clock()) as crowd:
        doomed, other = crowd.members
        doomed.begin(calls[::2])
        other.begin(calls[1::2])
        crowd.wait_for(after)
        doomed.kill()
        outcomes = other.end()
    assert outcomes.count("PasswordChanged") <= 1
    assert set(outcomes) <= LOST | {"PasswordChanged"}
    judged(w, calls, least=outcomes.count("PasswordChanged"))
