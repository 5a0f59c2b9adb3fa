"""All that is watched across accounts, as one value whose parts agree."""

from attrs import field, frozen

from acctsec.attacks.posture import PosturePolicy
from acctsec.attacks.reputation import ReputationPolicy
from acctsec.attacks.spray import SprayPolicy
from acctsec.attacks.surge import SurgePolicy
from acctsec.checks import kind
from acctsec.errors import ConfigError


@frozen(kw_only=True)
class AttackPolicy:
    """
    What is seen of strangers' guesses across accounts, and what follows from it.

    Args:
        reputation: what networks have guessed wrong lately. Default: StopGuessing's weights and half-life.
        spray: one password, or one network, at many accounts. Default: 512 passwords and 2,048 networks are watched for a day.
        surge: a sudden rise of a tenant's failures. Default: more than four times the day before, one false alarm in 10⁹ buckets.
        posture: what follows, and for how long. Default: challenges; narrower budgets for the worst of networks and passwords.

    None of it refuses anybody. A challenge needs the engine's port ``challenge``, narrower budgets are
    ``LockoutPolicy.tightened``, and every change is told as ``PostureChanged``. Without thresholds in *posture* nothing follows.

    Raises ConfigError for a threshold that its detector could never reach: a score above ``reputation.most``, or accounts above
    half of the bits that they are counted in.
    """

    reputation: ReputationPolicy = field(factory=ReputationPolicy, validator=kind(ReputationPolicy))
    spray: SprayPolicy = field(factory=SprayPolicy, validator=kind(SprayPolicy))
    surge: SurgePolicy = field(factory=SurgePolicy, validator=kind(SurgePolicy))
    posture: PosturePolicy = field(factory=PosturePolicy, validator=kind(PosturePolicy))

    def __attrs_post_init__(self) -> None:
        score = "raise reputation.most"
        for name, bands, most, remedy in (
            ("address", self.posture.address, self.reputation.most, score),
            ("prefix", self.posture.prefix, self.reputation.most, score),
            ("asn", self.posture.asn, self.reputation.most, score),
            ("unknown", self.posture.unknown, self.reputation.most, score),
            ("spray", self.posture.spray, self.spray.candidates.bits // 2, "raise spray.candidates.bits"),
            ("crowd", self.posture.crowd, self.spray.prefixes.bits // 2, "raise spray.prefixes.bits"),
        ):
            if bands is not None and bands.highest > most:
                message = f"posture.{name} has a threshold of {bands.highest}; what it looks at is never surely above {most}."
                raise ConfigError(message, remedy=f"Lower the threshold, or {remedy}.")
