"""One run, many runs, and what they say together."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from math import sqrt
from statistics import mean, stdev

from attrs import field, frozen
from tests.simulation.attackers import unleash
from tests.simulation.habits import ATTACKS, QUIET, Attack, Habits
from tests.simulation.ours import Ours
from tests.simulation.owners import populate
from tests.simulation.peers import Axes, Keycloak, SmartLockout, ThreeStrikes
from tests.simulation.tally import Tally
from tests.simulation.world import Guard, World

GUARDS: Mapping[str, Callable[[], Guard]] = {made.name: made for made in (Ours, SmartLockout, Keycloak, Axes, ThreeStrikes)}


@frozen(kw_only=True)
class Setting:
    """What is the same for every policy: how many owners, for how long, their habits, the attacks."""

    owners: int
    days: float = 30
    habits: Habits = field(factory=Habits)
    attacks: Mapping[str, Attack] = ATTACKS

    def cohorts(self) -> dict[str, range]:
        """The targets of each attack: neighbours share an office, so cohorts are made of whole stretches."""
        cohorts, at = {}, 0
        for name, attack in self.attacks.items():
            size = max(1, round(attack.share * self.owners)) if attack.share else 0
            cohorts[name] = range(at, at + size)
            at += size
        return cohorts


def simulate(guard: Guard, setting: Setting, seed: int) -> Tally:
    """One month, or whatever the setting says, under one policy."""
    cohorts = setting.cohorts()
    strategy = {target: name for name, targets in cohorts.items() for target in targets}
    sizes = {QUIET: setting.owners - len(strategy), **{name: len(targets) for name, targets in cohorts.items()}}
    tally = Tally(sizes, strategy, QUIET)
    world = World(guard, tally, setting.days)
    populate(world, setting.habits, owners=setting.owners, seed=seed)
    for name, targets in cohorts.items():
        unleash(world, name, setting.attacks[name], targets, seed=seed)
    world.run()
    tally.finish(world.now)
    return tally


def numbers(name: str, setting: Setting, seed: int) -> dict[str, dict[str, float]]:
    """One run under the policy of that name: what is reported of each cohort."""
    return {cohort: one.numbers() for cohort, one in simulate(GUARDS[name](), setting, seed).cohorts.items() if one.owners > 0}


Values = dict[str, dict[str, dict[str, list[float]]]]
"""By policy, cohort and what is reported: a value of each seed."""


def compare(setting: Setting, seeds: range, *, jobs: int = 1, names: tuple[str, ...] = tuple(GUARDS)) -> Values:
    """Every policy under the same seeds."""
    asked = [(name, setting, seed) for name in names for seed in seeds]
    if jobs == 1:
        found = [numbers(*one) for one in asked]
    else:
        with ProcessPoolExecutor(jobs) as pool:
            found = list(pool.map(numbers, *zip(*asked, strict=True)))
    report: Values = {}
    for name in names:
        runs = [one for one, (of, _, _) in zip(found, asked, strict=True) if of == name]
        report[name] = {}
        for cohort in runs[0]:
            # A cause that did not come up in a run was counted nought times; a strict zip would forget the others.
            things = dict.fromkeys(thing for run in runs for thing in run[cohort])
            report[name][cohort] = {thing: [run[cohort].get(thing, 0.0) for run in runs] for thing in things}
    return report


@frozen
class Estimate:
    """The mean over seeds, and half the width of its confidence interval at 95 % (Student's t); None of a single seed."""

    mean: float
    half: float | None

    def __str__(self) -> str:
        return f"{self.mean:.4g}" if self.half is None else f"{self.mean:.4g} ± {self.half:.2g}"


STUDENT = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 14: 2.145, 19: 2.093}


def estimate(values: list[float]) -> Estimate:
    """What these values, one a seed, say together. Between two entries of the table the wider one counts."""
    freedom = len(values) - 1
    if not freedom:
        return Estimate(values[0], None)
    quantile = STUDENT[max(known for known in STUDENT if known <= freedom)]
    return Estimate(mean(values), quantile * stdev(values) / sqrt(len(values)))


Report = dict[str, dict[str, dict[str, Estimate]]]
"""The same, all seeds together."""


def estimated(values: Values) -> Report:
    """What the seeds say together."""
    return {
        name: {cohort: {thing: estimate(one) for thing, one in things.items()} for cohort, things in cohorts.items()}
        for name, cohorts in values.items()
    }


def joined(reports: Sequence[Values]) -> Values:
    """Reports of different seeds as one. What a report does not have was counted nought times by every one of its seeds."""
    first, *others = reports
    if not others:
        return first
    rest, whole = joined(others), {}
    for name, cohorts in first.items():
        whole[name] = {}
        for cohort, things in cohorts.items():
            more = rest[name][cohort]
            lengths = [len(one["owners"]) for one in (things, more)]
            whole[name][cohort] = {
                thing: [
                    *things.get(thing, [0.0] * lengths[0]),
                    *more.get(thing, [0.0] * lengths[1]),
                ]
                for thing in {**things, **more}
            }
    return whole
