"""The laws of a policy as data: what holds for every policy, what asks it, and what it stands for."""

from acctsec.testing.laws import attacked, guessing, lives, passwords, proofs, stories, wholes
from acctsec.testing.laws.asking import Asking, Counterexample, Falsified, Family, Law, NotAsked

__all__ = ["LAWS", "Asking", "Counterexample", "Falsified", "Family", "Law", "NotAsked"]

LAWS: tuple[Law, ...] = (
    *wholes.LAWS,
    *passwords.LAWS,
    *guessing.LAWS,
    *lives.LAWS,
    *proofs.LAWS,
    *stories.LAWS,
    *attacked.LAWS,
)
"""All of them, in the order in which they are asked: what takes least first."""
