"""What owners do and how attackers go about it, each number with its source."""

from attrs import field, frozen

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@frozen(kw_only=True)
class Habits:
    """
    The habits of owners; lengths of time are microseconds.

    STOPGUESSING is the configuration of the simulator published with StopGuessing (github.com/microsoft/StopGuessing,
    ExperimentalConfiguration), the only published one with all of these. The others are assumptions of ours.
    """

    typo: float = 0.02  # STOPGUESSING: a sign-in that begins with a typo ...
    typo_again: float = 2 / 3  # STOPGUESSING: ... and goes on with another one
    other: float = 0.02  # STOPGUESSING: a sign-in that begins with the password of another account ...
    other_again: float = 1 / 3  # STOPGUESSING: ... and goes on with another one
    pause: int = 7 * SECOND  # STOPGUESSING: between two tries of a person
    token: float = 0.90  # STOPGUESSING: a sign-in from a browser that was here before
    address: float = 0.85  # STOPGUESSING: a sign-in from an address of one's own
    stale: float = 0.0004  # STOPGUESSING: after 1 sign-in in 2,500 a client keeps an old password ...
    stale_every: int = 5 * MINUTE  # STOPGUESSING: ... and repeats it every five minutes ...
    stale_times: int = 288  # STOPGUESSING: ... for a day
    forgot: float = 0.05  # ours: who was away for `away` does not know any more ...
    away: int = 14 * DAY
    candidates: int = 5  # ours: ... tries up to so many passwords of his, and one in two finds it
    often: tuple[tuple[float, int], ...] = ((0.25, DAY), (0.60, 3 * DAY), (1.0, 15 * DAY))  # ours: how often, by cumulated share
    office: float = 0.3  # ours: who works in an office ...
    desks: int = 100  # ours: ... of so many people behind one address
    again: int = 30 * MINUTE  # ours: when somebody comes back who was refused twice
    mail: int = 5 * MINUTE  # ours: until a reset by mail is done
    answer: int = 4 * HOUR  # ours: until the helpdesk has unlocked
    tickets: int = 3  # ours: how often somebody asks for help before he gives up until his next visit


@frozen(kw_only=True)
class Attack:
    """
    One strategy: the share of owners it is aimed at, one guess *every* so often, from so many *sources*.

    An attacker knows the policy: he goes on to the next password only when the last one was really compared.
    """

    share: float = field()
    every: int = field()
    sources: int = field(default=10_000)


QUIET, SINGLE, BOTNET, SPRAY, GRIEFER = "nobody", "one source", "botnet", "spray", "griefer"

ATTACKS = {
    SINGLE: Attack(share=0.01, every=10 * SECOND, sources=1),  # all its targets in turn, one guess every ten seconds
    BOTNET: Attack(share=0.003, every=15 * MINUTE + SECOND),  # each target; just above the longest wait of Keycloak
    SPRAY: Attack(share=0.05, every=6 * HOUR),  # each target; low and slow, the most popular password first
    GRIEFER: Attack(share=0.001, every=10 * MINUTE),  # each target; two junk passwords at once
}
"""
Disjoint cohorts of one population, so that every strategy meets the same policy in the same run. Whoever is in none is
attacked by nobody.
"""
