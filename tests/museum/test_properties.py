"""What holds of everything that is handed out, kept or sent, as properties (I03, I04, I05, I07, I21, I35)."""

import base64
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.museum.artefacts import ARTEFACTS
from tests.museum.harness import NEW, OTHERS, Crash, address, exhibit, forms, other_node
from tests.museum.test_outgoing import LONGEST, RIGHTS
from tests.places import STORES, MemoryPlace

from acctsec import Admin, Context, PasswordChanged, PasswordRejected, RecoveryCode, Refused, ResetCode, ResetLink, SignedIn
from acctsec.testing.world import IDENTIFIER, PASSWORD

# --- life and epoch -----------------------------------------------------------------------------------------------------

LIVING = sorted(ARTEFACTS)
SECOND = timedelta(seconds=1)
CHANGES = {
    "password": lambda w: w.engine.set_password("u1", OTHERS[0], by=Admin("root"), context=w.context()),
    "everywhere": lambda w: w.engine.sign_out_everywhere("u1", by=Admin("root"), context=w.context()),
    "disabled and enabled": lambda w: (w.engine.admin.disable("u1", actor="x"), w.engine.admin.enable("u1", actor="x")),
    "erased": lambda w: (w.engine.admin.erase("u1", actor="x"), w.engine.admin.enable("u1", actor="x")),
}


@settings(max_examples=120)
@given(st.sampled_from(LIVING), st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=3))
def test_i03_nothing_outlives_any_changes_in_any_order(name, changes):
    """Of whatever was handed out before them, only what grants nothing has an effect."""
    artefact = ARTEFACTS[name]
    w = artefact.world(MemoryPlace())
    token = artefact.make(w)
    for change in changes:
        CHANGES[change](w)
    assert not artefact.use(w, token) or name in {"handle", "veto"}


@settings(max_examples=120)
@given(st.sampled_from(LIVING), st.integers(0, 200) | st.integers(98, 102), st.integers(-3, 3))
def test_i04_whatever_is_handed_out_has_an_effect_within_its_life_and_at_no_other_time(name, hundredths, seconds):
    """At any share of its life, and a few seconds around its end: alive before the end, dead from then on."""
    artefact = ARTEFACTS[name]
    w = artefact.world(MemoryPlace())
    token = artefact.make(w)
    life = artefact.lifetime(w.policy)
    passed = max(life * hundredths // 100 // SECOND * SECOND + seconds * SECOND, timedelta(0))
    w.clock.advance(passed)
    assert artefact.use(w, token) is (passed < life)


# --- what is kept -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [one if one == "memory" else pytest.param(one, marks=pytest.mark.deep) for one in STORES])
@settings(max_examples=40)
@given(name=st.sampled_from(LIVING), seed=st.integers(0, 2**31))
def test_i05_no_byte_of_what_is_handed_out_is_kept_or_made_of_anything_but_entropy(kind, name, seed, places):
    """Whatever it is, and whichever entropy it was drawn from: nothing of it lies in the store, nor in that of another seed."""
    place, artefact = places.fresh(kind), ARTEFACTS[name]
    w = artefact.world(place, seed)
    token = artefact.make(w)
    dump = place.dump()
    place.close()
    other = artefact.make(artefact.world(MemoryPlace(), seed + 1))
    for one, its in ((token, other), (other, token)):
        texts = (one.handle, one.code) if isinstance(one, ResetCode) else (one,)
        assert one != its
        for text in texts:
            assert not [form for form in forms(text) if form in dump]
            if len(text) > 40:
                raw = base64.urlsafe_b64decode(text)
                assert all(raw[at : at + 8] not in dump for at in range(4, len(raw) - 8, 8))
    assert isinstance(token, ResetCode) or _parts(token).isdisjoint(_parts(other))


def _parts(token):
    raw = base64.urlsafe_b64decode(token)
    return {raw[at : at + 8] for at in range(len(raw) - 8)}


# --- looking and failing ------------------------------------------------------------------------------------------------


def _dies(w, link, number):
    """A redemption that dies at its first store call that writes a record."""

    def die(name, _):
        if name == "commit":
            raise Crash

    w.store.before = die
    try:
        w.engine.redeem_reset(ResetLink(link), NEW, context=w.context(address(number)))
    except Crash:
        pass
    w.store.before = lambda *_: None
    w.restart()


LOOKS = {
    "look": lambda w, link, n: w.engine.inspect_reset(link, context=w.context(address(n))),
    "look from elsewhere": lambda w, link, n: w.engine.inspect_reset(link, context=w.context("2001:db8::1")),
    "a veto's page": lambda w, link, n: w.engine.inspect_veto(link, context=w.context(address(n))),
    "too weak": lambda w, link, n: w.engine.redeem_reset(ResetLink(link), "password", context=w.context(address(n))),
    "too long": lambda w, link, n: w.engine.redeem_reset(ResetLink(link), "x" * 5000, context=w.context(address(n))),
    "the old one": lambda w, link, n: w.engine.redeem_reset(ResetLink(link), PASSWORD, context=w.context(address(n))),
    "cut": lambda w, link, n: w.engine.redeem_reset(ResetLink(link[:-4]), NEW, context=w.context(address(n))),
    "another tenant": lambda w, link, n: w.engine.redeem_reset(ResetLink(link), NEW, context=Context.of("192.0.2.9", tenant="t")),
    "a crash": _dies,
    "restart": lambda w, link, n: w.restart(),
    "time": lambda w, link, n: w.clock.advance(minutes=1),
}


@settings(max_examples=60)
@given(st.lists(st.sampled_from(sorted(LOOKS)), max_size=10))
def test_i07_a_link_that_was_looked_at_or_failed_with_is_as_good_as_before(story):
    """Whoever opens it, proposes what the rules refuse, or dies on the way: looking writes nothing, and the link works once."""
    w = exhibit(MemoryPlace())
    w.sign_up()
    link = w.reset_link()
    refused = 0
    for number, what in enumerate(story):
        mark = len(w.trace)
        outcome = LOOKS[what](w, link, number)
        refused += what == "the old one"
        assert not isinstance(outcome, PasswordChanged)
        if what in {"look", "look from elsewhere", "a veto's page", "cut", "another tenant"}:
            assert w.flushes(mark) == 0
        if what in {"too weak", "too long"}:
            assert isinstance(outcome, PasswordRejected)
    if refused < 5:  # so often a proposal is held against the old password in one redemption
        assert isinstance(w.engine.redeem_reset(ResetLink(link), NEW, context=w.context()), PasswordChanged)
        assert w.engine.redeem_reset(ResetLink(link), OTHERS[0], context=w.context()) == Refused()


# --- recovery codes -----------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), max_size=14), st.data())
def test_i21_each_printed_code_works_once_in_any_order_on_any_node_until_new_ones_are_printed(uses, data):
    """Ten codes, typed in any order, some twice, on this process or another, before and after a restart."""
    place = MemoryPlace()
    w = exhibit(place)
    app, codes, _ = w.guarded()
    renewed = data.draw(st.none() | st.integers(0, len(uses)))
    used, old = set(), False
    for number, (which, elsewhere, restarts) in enumerate(uses):
        w.clock.advance(hours=1)
        if number == renewed:
            fresh = w.fully(app).session
            assert w.engine.issue_recovery_codes(fresh, context=w.context(address(99))).codes
            old = True
        if restarts:
            w.restart()
        engine = other_node(w, place) if elsewhere else w.engine
        ticket = w.ticket(address=address(number))
        outcome = engine.verify_factor(ticket, RecoveryCode(codes[which]), context=w.context(address(number)))
        assert isinstance(outcome, SignedIn) is (which not in used and not old), (number, which)
        used.add(which)


# --- what goes out ------------------------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(st.text(max_size=300) | st.just(IDENTIFIER), st.text(max_size=600), st.text(max_size=300), st.sampled_from(["", "tenant"]))
def test_i35_nothing_that_goes_out_grows_with_what_comes_in(typed, agent, device, tenant):
    """Whatever is typed, sent as a header or as a cookie: a request for a reset is of one size, and no entry is above the bound."""
    w = exhibit(MemoryPlace())
    w.sign_up()
    w.deliver()
    sizes = set()
    for name, facts in ((typed, {"user_agent": agent, "device": device}), ("nobody", {})):
        mark = len(w.trace)
        here = Context.of("192.0.2.9", tenant=tenant, **facts)
        w.engine.request_reset(name, context=here)
        entries = [entry for call in w.trace[mark:] if call[0] == "commit" for entry in call[1][3]]
        sizes |= {len(one) for one in entries}
        w.engine.sign_in(name, agent, context=here)
    assert len(sizes) <= 1
    entries = [entry for call in w.trace if call[0] == "commit" for entry in call[1][3]]
    assert max(map(len, entries)) <= LONGEST


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(RIGHTS)),
    st.lists(st.sampled_from(["wait", "restart", "another node", "fails"]), max_size=4),
    st.integers(0, 4),
)
def test_i35_no_worker_sends_what_nobody_has_a_right_to_any_more(case, story, at):
    """Wherever in the life of a waiting entry its right ends, among retries, waits and restarts: it does not go out after that."""
    ask, end = RIGHTS[case]
    place = MemoryPlace()
    w = exhibit(place)
    is_it = ask(w)
    failing = TimeoutError("not now")
    w.messenger.failure = failing
    w.engine.deliver()  # handed out, failed, and due again later
    for number, what in enumerate(story):
        if number == at:
            break
        if what == "wait":
            w.clock.advance(seconds=40)
        elif what == "restart":
            w.restart()
        else:
            (other_node(w, place) if what == "another node" else w.engine).deliver()
    end(w)
    w.messenger.failure = None
    for _ in range(4):
        w.deliver()
        w.clock.advance(minutes=3)
    assert not [one for one in w.messenger.handed if is_it(one)]


def test_what_these_properties_are_about_is_there():
    """Each artefact works as it is: what the properties above refuse is refused for the reason they name."""
    for name in LIVING:
        artefact = ARTEFACTS[name]
        w = artefact.world(MemoryPlace())
        assert artefact.use(w, artefact.make(w)), name
