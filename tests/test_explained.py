"""What a lockout policy says of itself is what its meters do."""

import subprocess
import sys
from datetime import timedelta
from itertools import accumulate, count, pairwise
from math import ceil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from attrs import evolve
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from acctsec import ConfigError, LockoutPolicy, MemoryStore
from acctsec.__main__ import main
from acctsec.budgets import Rungs, micros
from acctsec.explained import HORIZONS, ROCKYOU, Attacker, Guessability, walk
from acctsec.explained.likely import read
from acctsec.explained.loss import lost
from acctsec.explained.walk import LANES, PACES, START, _Past
from acctsec.lockout import STEP, STRANGERS, Admitted, Attempt, SecretClass
from acctsec.meters import SECOND
from acctsec.protocols import Settle

SOME = settings(max_examples=max(settings().max_examples // 20, 10), suppress_health_check=[HealthCheck.too_slow])
SPAN = 240
MANY = 10_000


def seconds(least, most):
    return st.integers(least, most).map(lambda number: timedelta(seconds=number))


@st.composite
def ladders(draw, *, most, window=None):
    free = draw(st.integers(1, most))
    first, longest = sorted((draw(seconds(1, 20)), draw(seconds(1, 20))))
    forgets = None if window is None else draw(seconds(max(int(longest.total_seconds()), 10), window))
    return Rungs(free=free, first=first, longest=longest, stop=draw(st.integers(free, most)), window=forgets)


policies = st.builds(
    LockoutPolicy,
    strangers=ladders(most=20),
    device=ladders(most=10),
    month=ladders(most=25, window=120),
    pair=ladders(most=12, window=90),
    source=ladders(most=12, window=90),
)
"""Small numbers and whole seconds, so that every second can be tried."""


def way(policy, attacker, *, sources=1, until=SPAN, spare=None):
    return walk(policy, attacker, sources=sources, until=until * SECOND, spare=spare)


def most(policy, attacker, at, **rest):
    """The best of all paces, as `Course.within` has it."""
    return max(way(policy, attacker, spare=spare, **rest).before(at * SECOND) for spare in PACES)


class EverySecond:
    """Knocks at a store every second, as often as it lets him in; no wait is computed, no state is looked into."""

    def __init__(self, policy, attacker):
        self.policy, self.attacker, self.store, self.numbers = policy, attacker, MemoryStore(), count(1)

    def attempt(self, now, source, subject, lane, verdict):
        number = next(self.numbers)
        asked = Attempt(
            kind=SecretClass.PASSWORD,
            lane=lane,
            subject=subject,
            source=source,
            pair=subject,
            candidate=number,
            outside=number,
            hold=number.to_bytes(16, "little"),
        )
        charges = self.policy.charges(asked)
        readings = self.store.charge(charges, now)
        admitted = isinstance(self.policy.judge(charges, readings), Admitted)
        self.store.settle(self.policy.settlements(charges, readings, verdict if admitted else Settle.VOID), now)
        return admitted

    def guess(self, now):
        if self.attacker is Attacker.RETURNING:
            self.attempt(now, b"owner %d" % next(self.numbers), b"account", STRANGERS, Settle.CLEAR)
        alone = self.attacker in {Attacker.SOURCE, Attacker.NETWORK, Attacker.SPRAY}
        source = b"one" if alone else b"source %d" % next(self.numbers)
        subject = b"account %d" % next(self.numbers) if self.attacker is Attacker.SPRAY else b"account"
        return self.attempt(now, source, subject, LANES.get(self.attacker, STRANGERS), Settle.FAILED)

    def within(self, span):
        """How many were admitted in each second."""
        admitted = []
        for second in range(span):
            admitted.append(0)
            while self.guess(START + second * SECOND):
                admitted[-1] += 1
        return list(accumulate(admitted, initial=0))


# --- the figures are those of the meters ------------------------------------------------------------------------------


@pytest.mark.parametrize("attacker", list(Attacker), ids=lambda one: one.name.lower())
@given(policy=policies)
@SOME
def test_every_figure_is_what_knocking_every_second_brings(attacker, policy):
    """A store is asked, and no attacker knows when to come again."""
    told = way(policy, attacker, sources=MANY, until=20 * SPAN)  # far enough for what repeats to be used

    assert [told.before(second * SECOND) for second in range(SPAN + 1)] == EverySecond(policy, attacker).within(SPAN)


@pytest.mark.parametrize("attacker", [Attacker.SPRAY, Attacker.RETURNING, Attacker.SOURCE], ids=lambda one: one.name.lower())
@given(policy=policies, spare=st.sampled_from(PACES), sources=st.integers(1, 3))
@SOME
def test_what_repeats_is_what_walking_on_would_bring(attacker, policy, spare, sources):
    """A short cut that gives the same figures."""
    short = way(policy, attacker, sources=sources, until=3000, spare=spare)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_Past, "again", lambda self, state, number: False)
        long = way(policy, attacker, sources=sources, until=3000, spare=spare)

    ends = [*range(0, 3000, 7), 3000]
    assert [short.before(end * SECOND) for end in ends] == [long.before(end * SECOND) for end in ends]


@given(rungs=ladders(most=60))
def test_a_lane_alone_opens_after_the_sum_of_its_rests(rungs):
    """The closed form, for what has one: many sources, and a month that is wider than the lane."""
    narrow = evolve(LockoutPolicy().device, free=1, stop=1)
    policy = LockoutPolicy(strangers=rungs, device=narrow)
    rests = [min(rungs.first * 2 ** min(past, 30), rungs.longest) for past in range(rungs.stop - rungs.free)]
    instants = [0] * rungs.free + [micros(sum(rests[: at + 1], timedelta(0))) for at in range(len(rests))]

    assert list(way(policy, Attacker.BOTNET, sources=MANY, until=10**6).instants) == instants


def test_the_figures_of_a_course_are_the_best_of_its_paces():
    """At the horizons and between them."""
    for course in explained().courses:
        for length, guesses in zip(HORIZONS, course.guesses, strict=True):
            assert guesses == course.within(length) == max(one.before(micros(length)) for one in course.walks)
    year = int(HORIZONS[-1].total_seconds())
    assert explained().spraying.walks == tuple(way(LockoutPolicy(), Attacker.SPRAY, until=year, spare=spare) for spare in PACES)


# --- nobody does better -----------------------------------------------------------------------------------------------


@given(
    policy=policies,
    waits=st.lists(st.integers(0, 30), min_size=1, max_size=200),
    attacker=st.sampled_from([Attacker.BOTNET, Attacker.DEVICE]),
)
@SOME
def test_no_schedule_gets_more_out_of_a_lane_than_taking_each_try_at_once(policy, waits, attacker):
    """Whatever an attacker waits for, a lane that forgets nothing by time gives him no more for it."""
    policy = evolve(policy, month=evolve(policy.month, free=1000, stop=1000))
    told, knocker = way(policy, attacker, sources=MANY, until=sum(waits) + 1), EverySecond(policy, attacker)

    for now, number in guesses_of(knocker, waits):
        assert number <= told.before((now + 1) * SECOND)


def guesses_of(knocker, waits):
    """How many guesses were admitted by each second, where one is tried after each wait."""
    number = 0
    for now in accumulate(waits):
        number += knocker.guess(START + now * SECOND)
        yield now, number


@given(policy=policies, waits=st.lists(st.integers(0, 30), min_size=1, max_size=200))
@SOME
def test_no_schedule_gets_more_out_of_a_source_in_its_window_than_a_fresh_source_gives(policy, waits):
    """The bound that holds for every pace, those of the explanation among them."""
    window = int(policy.source.window.total_seconds())
    fresh = way(policy, Attacker.SPRAY, until=window).before(window * SECOND)

    for now, number in guesses_of(EverySecond(policy, Attacker.SPRAY), waits):
        assert number <= fresh * (now // window + 1)
    for end in (window, 3 * window, 10 * window + 1):
        assert most(policy, Attacker.SPRAY, end, until=20 * window) <= fresh * ceil(end / window)


@given(policy=policies, sources=st.integers(1, 50), more=st.integers(0, 50))
@SOME
def test_more_sources_never_guess_less(policy, sources, more):
    """One is the least."""
    for at in (1, 60, SPAN):
        one = most(policy, Attacker.SOURCE, at)
        few = most(policy, Attacker.BOTNET, at, sources=sources)

        assert one <= few <= most(policy, Attacker.BOTNET, at, sources=sources + more)


@given(policy=policies, sources=st.integers(1, 50))
@SOME
def test_no_figure_passes_the_stop_or_the_month(policy, sources):
    """At one account, in any stretch as long as the month."""
    window = micros(policy.month.window)
    for attacker in (Attacker.SOURCE, Attacker.BOTNET, Attacker.RETURNING, Attacker.DEVICE, Attacker.NETWORK):
        told = way(policy, attacker, sources=sources, until=1000)
        if attacker is not Attacker.RETURNING:
            lane = LANES.get(attacker, STRANGERS)
            assert told.before(1000 * SECOND) <= policy.rungs(SecretClass.PASSWORD, lane).stop
        if attacker is not Attacker.DEVICE:
            for begin in told.instants:
                assert told.before(begin + window) - told.before(begin) <= policy.month.stop


STRICTER = {
    "free": lambda rungs: evolve(rungs, free=rungs.free - 1),
    "first": lambda rungs: evolve(
        rungs, first=rungs.first + timedelta(seconds=1), longest=max(rungs.longest, rungs.first + timedelta(seconds=1))
    ),
    "longest": lambda rungs: evolve(rungs, longest=rungs.longest + timedelta(seconds=5)),
    "stop": lambda rungs: evolve(rungs, stop=rungs.stop - 1, free=min(rungs.free, rungs.stop - 1)),
}


@pytest.mark.parametrize("field", STRICTER)
@pytest.mark.parametrize("name", ["strangers", "device"])
@given(policy=policies, sources=st.sampled_from([1, MANY]))
@SOME
def test_a_stricter_lane_never_gives_more(name, field, policy, sources):
    """At any time, to nobody."""
    rungs = getattr(policy, name)
    assume(rungs.free > 1 if field == "free" else rungs.stop > 1)
    stricter = evolve(policy, **{name: STRICTER[field](rungs)})

    for attacker in (Attacker.SOURCE, Attacker.BOTNET, Attacker.DEVICE):
        for at in (1, 30, SPAN):
            assert most(stricter, attacker, at, sources=sources) <= most(policy, attacker, at, sources=sources)


# --- the owner --------------------------------------------------------------------------------------------------------


@given(policy=policies, sources=st.integers(1, 30), other=ladders(most=20), outside=ladders(most=12, window=90))
@SOME
def test_strangers_and_known_devices_do_not_touch_each_other(policy, sources, other, outside):
    """Neither meets a failure of the other, and no number of the strangers is in what a device is allowed."""
    for attacker in Attacker:
        assert way(policy, attacker, sources=sources).others_free
    looser = evolve(policy, strangers=other, pair=outside, source=outside, month=evolve(outside, window=timedelta(days=1)))

    assert way(policy, Attacker.DEVICE) == way(looser, Attacker.DEVICE)


def test_the_owner_is_told_what_he_meets_and_how_he_gets_out():
    """Nothing on a device that his account knows, whoever attacks from outside."""
    told = explained()

    assert [one.known_device for one in told.courses if one is not told.known_device] == ["nothing"] * 4
    assert told.known_device.elsewhere == "nothing"
    assert "on any other: nothing" in told.known_device.known_device
    assert (
        told.botnet.elsewhere
        == "refused while the lane rests, from the first moment on, up to 30 min at a time, for good from 18 h 1 min on"
    )
    assert all("a redeemed reset" in one.way_out for one in told.courses if one is not told.spraying)
    opened = [one.attacker for one in told.courses if "the link in the mail" in one.way_out]
    assert opened == ["one source, one account", "botnet, one account"]  # a lane that has stopped, and no month


def test_with_known_networks_it_is_told_who_guesses_in_one_and_what_the_owner_meets_there():
    """A botnet elsewhere does nothing there; whoever is in one closes that one alone; a month that is used up closes all."""
    strangers = evolve(LockoutPolicy().strangers, stop=16)
    told = LockoutPolicy(networks=2, strangers=strangers).explain(sources=50)

    assert [one.attacker for one in told.courses] == [*list(Attacker)[:4], Attacker.NETWORK, Attacker.SPRAY]
    assert told.known_network.guesses[-1] == 16
    assert (told.known_network.known_device, told.known_network.elsewhere) == ("nothing", "nothing")
    assert told.known_network.known_network.startswith("in this one: refused while the lane rests")
    assert told.one_source.known_network == told.botnet.known_network == told.known_device.known_network == "nothing"
    assert told.returning.known_network == told.returning.elsewhere
    assert "until the month (30 days) forgets" in told.returning.known_network
    assert "and in that of each known network" in str(told)
    assert max(map(len, str(told).splitlines())) <= 100
    assert told.known_network.attacker.value in told.svg()

    assert explained().known_network is None
    assert not any(one.known_network for one in explained().courses)
    assert "network, or a known device" in str(explained()) and "in a known network" not in str(explained())


def test_an_account_whose_device_could_be_held_up_would_be_said_to_be():
    """The word `nothing` is looked up, not written down."""

    class Shared(LockoutPolicy):
        def meter(self, kind, lane, era=""):
            return b"!one for all"

    told = Shared(device=evolve(LockoutPolicy().device, stop=10)).explain(sources=1)

    assert told.one_source.known_device == told.spraying.known_device == "held up"
    assert told.known_device.elsewhere == "held up"


# --- what it costs ----------------------------------------------------------------------------------------------------


@given(policy=policies)
@SOME
def test_a_loss_of_all_meters_costs_what_came_after_the_last_word_to_the_record(policy):
    """At most one less than every so many failures of which the record hears."""
    told = lost(evolve(policy, month=evolve(policy.month, free=policy.month.stop)))

    for name in ("strangers", "device", "month"):
        assert getattr(told, name) == min(STEP, getattr(policy, name).stop) - 1


@given(policy=policies)
@SOME
def test_a_loss_costs_no_more_where_the_month_forgets_before_it_is_full(policy):
    """The walk ends with the window."""
    assert 0 <= lost(policy).month < max(policy.month.stop, STEP)


probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=60).map(
    lambda parts: sorted((part / max(sum(parts), 1) * 0.999 for part in parts), reverse=True)
)


@given(shares=probabilities, at=st.sets(st.integers(1, 60), min_size=1, max_size=4), guesses=st.integers(0, 200))
def test_what_few_points_say_is_never_less_than_the_whole_curve(shares, at, guesses):
    """The bound holds for every distribution that goes through the points."""
    curve, points = read(shares)[0], sorted(at)
    few = Guessability(points=tuple((point, min(sum(shares[:point]), 1.0)) for point in points), source="made up")

    assert few.taken(guesses) >= sum(shares[:guesses]) - 1e-12
    assert curve(guesses) >= sum(shares[:guesses]) - 1e-12
    assert few.taken(guesses) <= few.taken(guesses + 1) + 1e-12


def test_lost_accounts_follow_from_the_guesses():
    """Each account once: the chance of all guesses at it; many accounts: the best guess at each."""
    told = LockoutPolicy().explain(likely=[0.01, 0.001])

    assert told.known_device.lost[-1] == pytest.approx(0.01 + 9 * 0.001)
    assert told.spraying.lost == pytest.approx([0.01 * number for number in told.spraying.guesses])
    assert LockoutPolicy().explain(likely=lambda guesses: guesses / 10_000).botnet.lost[-1] == pytest.approx(0.005)


def test_the_default_names_where_its_figures_come_from():
    """100 guesses, 0.020 %; the page it names says so."""
    told = explained()

    assert told.likely == ROCKYOU.source
    assert told.botnet.lost[-1] == 0.0002
    assert told.returning.lost[-1] == pytest.approx(0.0026)


@pytest.mark.parametrize("sources", [0, -1, 1_000_001, 2.0, True, "3"])
def test_a_number_of_sources_that_is_none_is_refused(sources):
    """With the way out."""
    with pytest.raises(ConfigError, match=r"sources is .* Give a whole number"):
        LockoutPolicy().explain(sources=sources)


@pytest.mark.parametrize("likely", [[], [0.1, 0.2], [0.6, 0.5], [1.5], [-0.1], [float("nan")]])
def test_a_list_that_holds_no_probabilities_is_refused(likely):
    """Rising ones too: they would not be those of the best guesses."""
    with pytest.raises(ConfigError, match="likely holds no"):
        LockoutPolicy().explain(likely=likely)


@pytest.mark.parametrize(
    "points", [(), ((0, 0.1),), ((10, 1.5),), ((10, 0.2), (100, 0.1)), ((10, 0.1), (10, 0.2)), [(10, 0.1)], ((10.0, 0.1),)]
)
def test_points_that_no_curve_goes_through_are_refused(points):
    """At construction."""
    with pytest.raises(ConfigError, match="points are no"):
        Guessability(points=points, source="made up")


# --- words and picture ------------------------------------------------------------------------------------------------

KEPT = []


def explained():
    """The default, explained once: it takes a second."""
    if not KEPT:
        KEPT.append(LockoutPolicy().explain())
    return KEPT[0]


def test_the_words_fit_a_terminal_and_have_every_figure():
    """100 columns."""
    said = str(explained())

    assert max(map(len, said.splitlines())) <= 100
    for one in explained().courses:
        assert all(f"{number:,}" in said for number in one.guesses)


def test_a_repr_is_short():
    """No instants, no policy."""
    assert len(repr(explained())) < 4000
    assert "Walk" not in repr(explained())


SVG = "{http://www.w3.org/2000/svg}"


def parts(svg, name):
    return list(ET.fromstring(svg).iter(SVG + name))


def test_the_picture_is_a_document_of_its_own():
    """Valid, without scripts, links or fonts from elsewhere, and with words for those who do not see it."""
    svg = explained().svg()
    root = ET.fromstring(svg)

    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {
        "svg",
        "title",
        "desc",
        "style",
        "rect",
        "line",
        "text",
        "path",
        "circle",
    }
    assert not [
        word
        for word in ("href", "url(", "@import", "<script", "onload", "http://")
        if word in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
    ]
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == [root.find(SVG + "title").get("id"), root.find(SVG + "desc").get("id")]
    assert all(f"{number:,}" in root.find(SVG + "desc").text for one in explained().courses for number in one.guesses)


def test_the_same_policy_gives_the_same_bytes():
    """In another process with other hashes, too."""
    svg = explained().svg()
    code = "import sys; from acctsec import LockoutPolicy; sys.stdout.write(LockoutPolicy().explain().svg())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout

    assert other == svg.encode()


@given(policy=policies, sources=st.integers(1, 30))
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
def test_every_curve_rises_in_steps_inside_the_picture_and_no_two_labels_meet(policy, sources):
    """Whatever the numbers."""
    wide = {name: evolve(getattr(policy, name), window=timedelta(days=2)) for name in ("month", "pair", "source")}
    slow = evolve(wide["source"], first=timedelta(hours=1), longest=timedelta(hours=5))
    svg = evolve(policy, **{**wide, "source": slow}).explain(sources=sources).svg()

    curves = [one for one in parts(svg, "path") if one.find(SVG + "title") is not None]
    assert len(curves) == 5
    assert len({(one.get("stroke"), one.get("stroke-dasharray")) for one in curves}) == 5
    for one in curves:
        path = one.get("d")
        heights = [float(part.split("H")[0]) for part in path.replace("M82 ", "V").split("V")[1:]]
        assert heights == sorted(heights, reverse=True)
        assert 62 <= min(heights) <= max(heights) <= 404
    names = sorted(float(one.get("y")) for one in parts(svg, "text") if one.get("class") == "b")
    assert min(below - above for above, below in pairwise(names)) >= 30


def test_the_picture_of_the_page_is_that_of_the_default():
    """Drawn again after every change."""
    page = Path(__file__).parents[1] / "docs/how-to/lockout.svg"

    assert page.read_text(encoding="utf-8") == explained().svg()


# --- the command, and what is not loaded ------------------------------------------------------------------------------


def test_nothing_of_it_is_loaded_before_it_is_asked_for():
    """`import acctsec` is no slower."""
    code = "import sys, acctsec, acctsec.__main__; print([name for name in sys.modules if name.startswith('acctsec.explained')])"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_command_says_it_and_draws_it(tmp_path, capsys):
    """Both from one explanation."""
    assert main(["lockout", "--svg", str(tmp_path / "lockout.svg")]) == 0

    assert capsys.readouterr().out == f"{explained()}\n"
    assert (tmp_path / "lockout.svg").read_bytes() == explained().svg().encode()


def test_the_command_asks_for_another_botnet_and_another_preset(capsys):
    """By name."""
    assert main(["lockout", "--preset", "cheapest", "--sources", "1"]) == 0

    said = capsys.readouterr().out
    assert "botnets have 1;" in said
    assert said != f"{explained()}\n"


def test_the_command_refuses_a_number_that_is_none(capsys):
    """2, as for everything that cannot be carried out as it was typed."""
    assert main(["lockout", "--sources", "0"]) == 2
    assert "sources is 0" in capsys.readouterr().err


def test_a_picture_that_cannot_be_written_is_said_to_be(tmp_path, capsys, monkeypatch):
    """1: something failed."""
    kept = explained()
    monkeypatch.setattr(LockoutPolicy, "explain", lambda self, sources: kept)
    assert main(["lockout", "--svg", str(tmp_path)]) == 1
    assert "cannot be written" in capsys.readouterr().err
