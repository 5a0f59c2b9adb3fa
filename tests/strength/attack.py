"""
What share of all accounts fall to someone who knows the policy and tries the commonest passwords it still allows.

    python -m tests.strength.attack DIRECTORY [--accounts NAME=TOTAL ...]

The directory is read as by `python -m tests.strength`; sets of one name (`online/NAME/`, `offline/NAME/`) are joined, and the
weights taken for how many accounts have each password. A set is a sample of a leak that holds its head: with `--accounts`
shares are of the whole leak, else of the accounts in the set. Nobody chooses again what was refused, so a strict rule looks
better than it is. The name of the set is the word of the service.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from tests.strength.__main__ import read

from acctsec.outcomes import PasswordAccepted
from acctsec.password import Blocklist, Length, PasswordPolicy

GUESSES = (10, 100)


def policies(site):
    """What is compared, by name; second factors are on, so eight characters do. No corpus is asked."""
    return {
        "none": None,
        "length and list": PasswordPolicy(rules=(Length(), Blocklist())),
        "default policy": PasswordPolicy(words=(site,)),
    }


def taken(policy, listed, guesses):
    """Accounts that the best so many allowed guesses open; *listed* holds passwords with counts, the commonest first."""
    found = []
    for password, count in listed:
        if len(found) == guesses:
            break
        if policy is None or isinstance(policy.check(password, mfa=True), PasswordAccepted):
            found.append(count)
    return sum(found)


def main():
    arguments = argparse.ArgumentParser(prog="python -m tests.strength.attack", description="Accounts taken by the best guesses.")
    arguments.add_argument("directory", type=Path)
    arguments.add_argument("--accounts", action="append", default=[], metavar="NAME=TOTAL", help="accounts of the whole leak")
    given = arguments.parse_args()
    totals = {name: int(total) for name, _, total in (one.partition("=") for one in given.accounts)}
    heads = defaultdict(dict)
    for path in sorted(given.directory.rglob("0_*.pw")):
        passwords, _, weights = read(path.parent)
        heads[path.parent.name].update(zip(passwords, weights, strict=True))
    if not heads:
        sys.exit(f"{given.directory} holds no set: files 0_*.pw, 1_*.strength and 2_*.weight in one folder.")
    for name, weights in heads.items():
        listed = sorted(weights.items(), key=lambda one: -one[1])
        total = totals.get(name) or sum(count for _, count in listed)
        print(f"{name}: {len(listed)} passwords, shares of {total:,.0f} accounts")
        for label, policy in policies(name).items():
            shares = "  ".join(f"best {guesses:3}: {taken(policy, listed, guesses) / total:8.4%}" for guesses in GUESSES)
            print(f"  {label:16} {shares}")


if __name__ == "__main__":
    main()
