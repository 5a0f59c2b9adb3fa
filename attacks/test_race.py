"""Who proves an address while an operator withdraws it."""
from tests.test_address_crashes import *
from acctsec.outcomes import Acted
from acctsec import TryAgain

@in_memory
def test_a_link_and_a_withdrawal():
    seen=set()
    def check(w, answers):
        has = MINE in later(w)
        seen.add((type(answers[0]).__name__, type(answers[1]).__name__, has))
        if isinstance(answers[1], Acted) and has: seen.add("BAD?")
    r=explore(asked, lambda w: [verify(w), w.engine.admin.withdraw_address("u1", MINE, actor="root")], check)
    print(seen, r.schedules)
    assert 0, seen
