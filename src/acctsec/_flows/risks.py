"""Risk: what is told to the policy that weighs a right password, and what becomes known by those who came before."""

from functools import partial

from acctsec._flows.core import Core
from acctsec._flows.watching import networks_of
from acctsec.attacks.history import Traffic, path
from acctsec.attacks.risk import Assessment, Contribution, Extra, RiskPolicy
from acctsec.context import Context
from acctsec.errors import PortError
from acctsec.record import History, Record
from acctsec.steps import Scene, Visit

MAX_CONTRIBUTIONS = 32


class Risks:
    """Weighs sign-ins by a *policy*; *traffic* is what this process saw of everybody."""

    def __init__(self, core: Core, policy: RiskPolicy, traffic: Traffic) -> None:
        self.core = core
        self.policy = policy
        self.traffic = traffic

    def visit(self, scene: Scene, context: Context, *, known_device: bool) -> Visit:
        """Whence and when somebody comes. The same work whoever it is."""
        keyring, found = self.core.keyring, networks_of(self.core, scene, context.source)
        digests = [partial(keyring.digest, "place", scene.tenant, key=key) for key in range(keyring.index_count)]
        paths = tuple(path(found, digest) for digest in digests)
        return Visit(paths=paths, hour=scene.now.hour, known_device=known_device)

    def assess(self, scene: Scene, record: Record, visit: Visit) -> Assessment:
        """
        Weigh a sign-in whose password was right. Raises PortError for a policy that misbehaves.

        While index keys rotate, the owner's places are known by either name, and the one that speaks for him counts.
        """
        found = []
        for one in visit.paths:
            facts = self.traffic.facts(
                record.habits or History(),
                one,
                hour=visit.hour,
                known_device=visit.known_device,
                now=self.core.instant_of(scene.now),
            )
            try:
                found.append(self.policy.assess(facts))
            except Exception as error:
                raise PortError(f"risk.assess raised {type(error).__name__}.", remedy="Mend the risk policy.") from error
        if not all(_is_assessment(one) for one in found):
            raise PortError("risk.assess answered with something else.", remedy="Answer acctsec.attacks.risk.Assessment.")
        return min(found, key=lambda one: (one.extra, one.score))

    def signed_in(self, scene: Scene, visit: Visit) -> None:
        """All was proven, from there."""
        self.traffic.signed_in(visit.paths[0], now=self.core.instant_of(scene.now))

    def failed(self, scene: Scene, visit: Visit) -> None:
        """
        A wrong password came from there. A known device is left out: what its owner mistypes is no attack.

        Typing errors are counted with the attacks, of known and of unknown names alike: told apart, one would take longer.
        """
        if not visit.known_device:
            self.traffic.attacked(visit.paths[0], now=self.core.instant_of(scene.now))


def _is_assessment(found: object) -> bool:
    return (
        isinstance(found, Assessment)
        and type(found.score) is int
        and isinstance(found.extra, Extra)
        and type(found.contributions) is tuple
        and len(found.contributions) <= MAX_CONTRIBUTIONS
        and all(_is_contribution(one) for one in found.contributions)
    )


def _is_contribution(one: object) -> bool:
    """A short name and a number, and so nothing that a policy should not tell."""
    if not isinstance(one, Contribution) or type(one.amount) is not int or not isinstance(one.feature, str):
        return False
    return len(one.feature) <= 64 and one.feature.isprintable()
