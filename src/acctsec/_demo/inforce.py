"""Act 5: the policy in force, each knob with its value and its source."""

from collections.abc import Callable
from datetime import timedelta

from acctsec import ConfigError, LockoutPolicy, Policy, ResetPolicy
from acctsec._demo.screen import Screen
from acctsec._demo.stage import Stage
from acctsec.budgets import Rungs
from acctsec.hashing.cost import RTX_4090, dollars_per_million, guesses_per_second
from acctsec.knobs import knobs


def play(stage: Stage, policy: Policy) -> None:
    """Show the policy, and that a wrong one does not come into being."""
    stage.open(
        "The policy in force",
        f"{policy.name}, digest {policy.digest}. Every number has a name and a source; the words are read from the code itself.",
    )
    show(stage.screen, policy)
    every = knobs(policy)
    stage.claim(
        f"Each of the {len(every)} knobs has a value, a meaning and a source.",
        all(one.value and one.meaning and one.source for one in every),
    )
    refused = [
        _refusal(lambda: LockoutPolicy(strangers=_patient(90))),
        _refusal(lambda: ResetPolicy(link_lifetime=timedelta(days=3))),
    ]
    stage.claim("A policy that contradicts a standard cannot be made: " + " ".join(refused), all(refused))


def show(screen: Screen, policy: Policy) -> None:
    """Every knob of a policy as tables, one a family."""
    every = knobs(policy)
    for family in dict.fromkeys(one.family for one in every):
        rows = [
            (one.name.partition(".")[2], one.value, (one.source or one.meaning).replace("``", ""))
            for one in every
            if one.family == family
        ]
        screen.table((family, "value", "source"), rows)
        if family == "hashing":
            _price(screen, policy)


def _price(screen: Screen, policy: Policy) -> None:
    """What the hashes cost who stole them."""
    cost = policy.hashing.parameters
    screen.say(
        f"For an attacker: {guesses_per_second(cost, RTX_4090):,.0f} guesses a second at one stolen hash on one {RTX_4090.name}, "
        f"${dollars_per_million(cost, RTX_4090):.2g} in rent for a million, by the model of acctsec.hashing.cost."
    )
    screen.say("")


def _patient(stop: int) -> Rungs:
    return Rungs(free=10, first=timedelta(minutes=1), longest=timedelta(minutes=30), stop=stop)


def _refusal(make: Callable[[], object]) -> str:
    """Why a policy was refused, or nothing."""
    try:
        make()
    except ConfigError as error:
        return str(error)
    return ""
