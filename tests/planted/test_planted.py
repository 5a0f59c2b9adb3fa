"""The kit is proven by what it finds: each planted fault is caught, by the instrument that is named, in words that name it."""

import re
from pathlib import Path

import pytest
from tests.planted.page import INVARIANTS, PAGE, PLOTS, today
from tests.planted.planting import Planting, planted

from acctsec.stores import MemoryStore

FAULTS = [fault for plot in PLOTS.values() for fault in plot.faults]
INSTRUMENTS = {id(fault.by): (f"{fault.by.name}-{fault.id}", fault.by) for fault in reversed(FAULTS)}
MUSEUM = Path(__file__).parents[1] / "museum" / "README.md"
CLUMSY = r"(Attribute|Name|Type|Key|Index)Error\("


@pytest.mark.parametrize("by", [by for _, by in INSTRUMENTS.values()], ids=[name for name, _ in INSTRUMENTS.values()])
def test_what_is_healthy_passes(by):
    by.of()


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.id for fault in FAULTS])
def test_a_planted_fault_is_found(fault):
    with planted(fault) as (planting, thing):
        with pytest.raises(Exception) as found:
            fault.by.of(thing)
        assert planting.reached, "what was planted was never reached"
    said = whole(found.value)
    assert re.search(fault.says, said), said
    assert not re.search(CLUMSY, said), f"the plant itself fell over: {said}"


def whole(error):
    """All that is said, by each of several errors."""
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return "\n".join([str(error), *(whole(one) for one in inner)])


def test_there_are_enough_of_each_kind():
    assert len({fault.id for fault in FAULTS}) == len(FAULTS) >= 100
    kinds = [len(plot.faults) for plot in PLOTS.values()]
    assert min(kinds) >= 8, kinds


def test_what_was_seen_in_real_life_is_in_the_museum():
    recipes = set(re.findall(r"^\| (M-\d{3}) \|", MUSEUM.read_text(encoding="utf-8"), re.MULTILINE))
    assert {seen for fault in FAULTS for seen in fault.seen} <= recipes


def test_the_page_has_the_faults_of_today():
    page, due = today()[PAGE]
    assert page == due, "Run `python -m tests.planted.page`."
    table, _, _ = page.partition("<!-- faults")
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert named == {fault.by.name for fault in FAULTS}, "an instrument is not explained, or finds nothing"


def test_the_page_of_the_invariants_has_the_faults_that_break_each():
    page, due = today()[INVARIANTS]
    assert page == due, "Run `python -m tests.planted.page`."
    shown = set(re.findall(r"`([a-z-]+)`", page.partition("<!-- faults")[2]))
    assert shown == {fault.id for fault in FAULTS if fault.seen}, "a recipe taught no invariant"


# --- the plants themselves --------------------------------------------------------------------------------------------


def test_a_plant_in_the_place_of_nothing_fails():
    class Renamed(MemoryStore):
        def comit(self, *commit):
            return super().commit(*commit)

    def gone():
        pass

    planting = Planting()
    with pytest.raises(AssertionError, match="has no comit"):
        planting.subclass(MemoryStore, Renamed)
    with pytest.raises(AssertionError, match="is used nowhere"):
        planting.replace(gone, lambda real: real)
    with pytest.raises(AttributeError, match="comit"):
        planting.put(MemoryStore, "comit", lambda real: real)


def test_a_plant_that_nobody_runs_into_is_known():
    class Unused(MemoryStore):
        def scan(self, after, limit):
            return super().scan(after, limit)

    planting = Planting()
    store = planting.subclass(MemoryStore, Unused)()
    store.load(b"key")
    assert not planting.reached
    store.scan(b"", 1)
    assert planting.reached


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.kind == "engine"], ids=lambda fault: fault.id)
def test_a_plant_is_taken_out_again(fault):
    import sys

    def functions():
        found = {}
        for path, module in list(sys.modules.items()):
            if path.startswith("acctsec") and module is not None:
                for name, one in list(vars(module).items()):
                    found[path, name] = one
                    if isinstance(one, type) and one.__module__.startswith("acctsec"):
                        found |= {(path, name, part): value for part, value in vars(one).items() if callable(value)}
        return found

    def differ(one, other):
        return one.keys() != other.keys() or any(other[place] is not value for place, value in one.items())

    before = functions()
    with planted(fault):
        during = functions()
    assert differ(before, during), "nothing was planted"
    assert not differ(before, functions()), "something is planted still"
