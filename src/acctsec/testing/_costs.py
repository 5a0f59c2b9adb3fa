"""What hashes cost, and whether names that nobody has are spread over the costs as accounts are."""

import re
from collections import Counter
from collections.abc import Mapping
from math import inf, log, sqrt

from acctsec.hashing import HashingPolicy
from acctsec.hashing.phc import parse
from acctsec.hashing.wrapped import unwrap

_NUMBER = re.compile(r"(?<![A-Za-z0-9./+])[0-9]{1,8}(?![A-Za-z0-9./+])")

DEVIATION = 4.753  # of a normal variable: beyond it once in a million


def cost_of(hashing: HashingPolicy, stored: str) -> str:
    """
    The scheme of a stored hash and its cost, as far as the scheme spells it in plain numbers.

    What the policy does not read costs what its own new hashes do.
    """
    scheme, own = hashing.scheme(stored), parse(stored)
    if scheme is None:
        return _argon2id(hashing.decoy())
    if own is not None:
        return _argon2id(stored)
    within = unwrap(stored)
    if within is not None:
        return " ".join([within.name, *_NUMBER.findall(within.settings), _argon2id(str(within.outer))])
    if hashing.wraps(stored):  # one that is bare is compared with one of ours beside it
        return cost_of(hashing, hashing.wrap(stored, salt=bytes(hashing.salt_bytes)))
    return " ".join([scheme, *_NUMBER.findall(stored)])


def _argon2id(stored: str) -> str:
    own = parse(stored)
    assert own is not None
    cost = own.parameters
    return f"argon2id {cost.memory_kib} KiB, {cost.time_cost} passes, {cost.parallelism} lanes, {len(own.tag)} bytes"


def proportions(hashing: HashingPolicy, population: Counter[str]) -> dict[str, float]:
    """The proportion of accounts of each cost: in a sample of the population, or by the shares of the policy."""
    if population:
        total = population.total()
        return {cost: number / total for cost, number in population.items()}
    expected: dict[str, float] = {}
    began = 0.0
    for end, decoy in hashing.decoys:
        cost = cost_of(hashing, decoy)
        expected[cost] = expected.get(cost, 0.0) + end - began
        began = end
    return expected


def surprise(drawn: Counter[str], expected: Mapping[str, float], *, sampled: Counter[str]) -> tuple[float, float]:
    """
    How far what was drawn is from what was expected, and what that passes once in a million.

    The likelihood ratio, as chi-square: its tail holds where some costs are rare. Where the proportions are those of a sample,
    both are held against what they have in common. The bound is Wilson and Hilferty's.
    """
    common = drawn + sampled
    total = common.total()
    parts = {one: number / total for one, number in common.items()} if sampled else expected
    found = sum(_apart(counted, parts) for counted in (drawn, sampled))
    free = max(1, len(parts) - 1)
    return found, free * (1 - 2 / (9 * free) + DEVIATION * sqrt(2 / (9 * free))) ** 3


def _apart(counted: Counter[str], parts: Mapping[str, float]) -> float:
    total = counted.total()
    pairs = ((number, total * parts.get(one, 0.0)) for one, number in counted.items())
    return 2 * sum(number * log(number / due) if due else inf for number, due in pairs)
