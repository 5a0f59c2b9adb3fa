"""The kit is proven by what it finds: each planted fault is caught, by the instrument that is named, in words that name it."""

import re

import pytest
from tests.planted import flows, meters, platform, policies, records
from tests.planted.planting import planted

PLOTS = (records.PLOT, meters.PLOT, policies.PLOT, flows.PLOT, platform.PLOT)
FAULTS = [fault for plot in PLOTS for fault in plot.faults]
CLUMSY = r"(Attribute|Name|Type|Key|Index)Error\("
INSTRUMENTS = {id(fault.by): (fault.id, fault.by) for fault in reversed(FAULTS)}


@pytest.mark.parametrize(
    "by", [one for _, one in INSTRUMENTS.values()], ids=[f"{one.name}-{of}" for of, one in INSTRUMENTS.values()]
)
def test_what_is_healthy_passes(by):
    by.of(by.healthy)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.id for fault in FAULTS])
def test_a_planted_fault_is_found(fault):
    with planted(fault) as (planting, thing):
        with pytest.raises(Exception) as found:
            fault.by.of(thing)
        assert planting.reached, "what was planted was never reached"
    said = _whole(found.value)
    assert re.search(fault.says, said), said
    assert not re.search(CLUMSY, said), f"the plant itself fell over: {said}"


def _whole(error):
    """All that is said, with what it was raised from."""
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return "\n".join([str(error), *(_whole(one) for one in inner)])
