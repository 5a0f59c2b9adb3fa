"""How costly an Argon2id hash is, and which of two is the stronger."""

from attrs import frozen

from acctsec.errors import ConfigError


@frozen
class Argon2Parameters:
    """
    The cost of one hash: *memory_kib* KiB, filled *time_cost* times by *parallelism* lanes.

    Raises ConfigError for what Argon2 itself cannot do (RFC 9106 section 3.1): fewer than 8 KiB a lane, numbers below 1.
    """

    memory_kib: int
    time_cost: int
    parallelism: int = 1

    def __attrs_post_init__(self) -> None:
        for name in ("memory_kib", "time_cost", "parallelism"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ConfigError(f"{name} is {value!r}.", remedy="Give a whole number of 1 or more.")
        if self.memory_kib < 8 * self.parallelism:
            message = f"memory_kib is {self.memory_kib} for {self.parallelism} lanes."
            raise ConfigError(message, remedy="Argon2 needs 8 KiB a lane.")

    @property
    def traffic(self) -> int:
        """
        KiB that an attacker's hardware has to move for one guess; what decides which parameters are stronger.

        The first pass writes the memory, each later one reads two blocks and writes one: m * (3t - 1). Published
        cracking speeds follow it within a few percent. Lanes do not count: they help defender and attacker alike.
        """
        return self.memory_kib * (3 * self.time_cost - 1)

    def reaches(self, floor: "Argon2Parameters") -> bool:
        """Whether neither memory nor passes are below *floor*. Lanes do not matter to a floor."""
        return self.memory_kib >= floor.memory_kib and self.time_cost >= floor.time_cost

    def within(self, ceiling: "Argon2Parameters") -> bool:
        """Whether nothing is above *ceiling*."""
        return (
            self.memory_kib <= ceiling.memory_kib
            and self.time_cost <= ceiling.time_cost
            and self.parallelism <= ceiling.parallelism
        )


OWASP = (
    Argon2Parameters(memory_kib=47_104, time_cost=1),
    Argon2Parameters(memory_kib=19_456, time_cost=2),
    Argon2Parameters(memory_kib=12_288, time_cost=3),
    Argon2Parameters(memory_kib=9_216, time_cost=4),
    Argon2Parameters(memory_kib=7_168, time_cost=5),
)
"""The alternatives that the OWASP Password Storage Cheat Sheet calls equal and the least to use (read August 2026)."""
