"""The commands ``doctor``, what this host gives to hashing, and ``calibrate``, what a hash may cost here: both measure."""

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from statistics import median
from threading import Barrier, BrokenBarrierError, Thread
from time import perf_counter
from typing import Any

from argon2.exceptions import HashingError

from acctsec import _host
from acctsec._demo.screen import Screen, choose
from acctsec._host import Build, Host
from acctsec.calibration import Calibrated, calibrate
from acctsec.errors import ConfigError, PortError
from acctsec.hashing import Argon2Parameters, HashingPolicy
from acctsec.hashing.argon2id import derive, keep_memory, memory_can_be_kept
from acctsec.hashing.cost import CARDS, SOURCES, Card, dollars_per_million

LATENCY_MS = 100
"""What a hash may take by default: a tenth of the second that OWASP names as the most, so ten sign-ins a second on a core."""
_LOOKED_AT = (HashingPolicy().parameters, Argon2Parameters(47_104, 1), Argon2Parameters(65_536, 3))
"""The default, OWASP's alternative with most memory, and RFC 9106's second choice in one lane."""
_ROUNDS, _LONGEST_SECONDS = 5, 1.0
REBUILD = (
    'CFLAGS="-O3 -march=native" python -m pip install --force-reinstall --no-deps --no-cache-dir '
    "--no-binary argon2-cffi-bindings argon2-cffi-bindings"
)


def describe(commands: Any, *, epilog: str) -> None:
    """Add what can be typed to the subcommands of a parser."""
    commands.add_parser("doctor", help="say what this host gives to hashing, measured, and how to get more", epilog=epilog)
    choosing = commands.add_parser("calibrate", help="choose what a password hash costs on this host", epilog=epilog)
    choosing.add_argument(
        "--memory", type=int, metavar="MIB", help="for all hashes together (default: a quarter of what this process may use)"
    )
    choosing.add_argument("--concurrency", type=int, metavar="N", help="hashes at once (default: one a core)")
    choosing.add_argument(
        "--latency", type=float, default=LATENCY_MS, metavar="MS", help=f"what a hash may take (default: {LATENCY_MS})"
    )


def run(given: argparse.Namespace) -> int:
    """Do what was typed and answer the exit code."""
    host, screen = _host.read(), choose(sys.stdout)
    try:
        if given.command == "doctor":
            _examine(host, screen)
        else:
            _calibrate(given, host, screen)
    except ConfigError as error:
        print(f"acctsec: {error}", file=sys.stderr)
        return 2
    except PortError as error:
        print(f"acctsec: {error}", file=sys.stderr)
        return 1
    return 0


# --- doctor -----------------------------------------------------------------------------------------------------------


def _examine(host: Host, screen: Screen) -> None:
    kept = memory_can_be_kept()
    screen.table(("what", "here", "what follows"), [_cores(host), _memory(host), _pages(host), _build(host), _keeping(kept=kept)])
    if host.build is Build.SSE2 and host.vectors:
        screen.say(
            "To build Argon2 for this CPU takes a C compiler, and the result runs where the CPU has the same instructions:"
        )
        print(f"\n{REBUILD}\n")
    at_once, rows = host.usable_cores, []
    for cost in _LOOKED_AT:
        if host.usable_kib is not None and cost.memory_kib * at_once > host.usable_kib // 2:
            continue  # looking must not bring the process down
        rounds = _rounds(cost, at_once=1, keep_kib=(cost.memory_kib, 0))
        kept_ms, shipped_ms = (f"{1000 * median(times):.1f} ms" for times in zip(*rounds, strict=True))
        ratio, together = median(ours / theirs for ours, theirs in rounds), measured(cost, at_once=at_once)
        figures = (kept_ms, shipped_ms, f"{ratio:.2f}", f"{at_once / together:.0f}", f"{cost.memory_kib * at_once // 1024} MiB")
        rows.append((f"{cost.memory_kib // 1024} MiB, {_passes(cost)}", *figures))
    head = ("one hash", "kept memory", "as shipped", "ratio", f"a second, {at_once} at once", "memory for that")
    screen.table(head, rows, right=(1, 2, 3, 4))
    _say_busy(host, screen)
    screen.say("What to do with that: python -m acctsec calibrate")


def _cores(host: Host) -> tuple[str, str, str]:
    quota = "" if host.quota is None else f", {host.quota:g} by the quota of the container"
    return "cores", f"{host.cores}{quota}", f"{host.usable_cores} hashed at once where permits is None"


def _memory(host: Host) -> tuple[str, str, str]:
    if host.usable_kib is None:
        return "memory", "unknown", "this system does not tell; give calibrate a --memory"
    limit = "" if host.limit_kib is None else f", {host.limit_kib // 1024:,} MiB by the container"
    machine = "unknown" if host.memory_kib is None else f"{host.memory_kib // 1024:,} MiB"
    return "memory", f"{machine}{limit}", "hashes take permits * memory_kib of it, and give it back when idle"


def _pages(host: Host) -> tuple[str, str, str]:
    if host.large_pages is None:
        return "large pages", "unknown", "only Linux has them by advice"
    if host.large_pages == "never":
        said = "hashing is a few percent slower; let the system have them: transparent_hugepage=madvise"
    else:
        said = "the memory of hashes is advised to have them"
    return "large pages", host.large_pages, said


def _build(host: Host) -> tuple[str, str, str]:
    versions = f"argon2-cffi {_version('argon2-cffi')}, bindings {_version('argon2-cffi-bindings')}"
    has = " and ".join(host.vectors)
    if host.build is Build.WIDE:
        return "Argon2", f"{versions}, {host.build.value}", "as fast as an attacker's on this CPU, or close"
    if host.build is Build.SSE2 and has:
        return "Argon2", f"{versions}, SSE2 only", f"this CPU has {has}: an attacker's build is up to three times as fast"
    if host.build is Build.SSE2:
        return "Argon2", f"{versions}, SSE2 only", "built for every x86-64; this CPU is not known to have more"
    return "Argon2", versions, "how it was built cannot be seen: no x86, or a library of the system's"


def _keeping(*, kept: bool) -> tuple[str, str, str]:
    if kept:
        return "kept memory", "works", "a worker uses its memory again, hash after hash"
    return "kept memory", "does not work", "every hash takes fresh memory: correct, and slower above 32 MiB"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "of an unknown version"


# --- calibrate --------------------------------------------------------------------------------------------------------


def _calibrate(given: argparse.Namespace, host: Host, screen: Screen) -> None:
    at_once = host.usable_cores if given.concurrency is None else given.concurrency
    budget = _budget_kib(given.memory, host)
    if not 1 <= at_once <= 1_024:
        raise ConfigError(f"--concurrency is {at_once}.", remedy="Give a whole number from 1 to 1024.")
    if not 1 <= given.latency <= 10_000:
        raise ConfigError(f"--latency is {given.latency:g}.", remedy="Give milliseconds, from 1 to 10000.")
    chosen = calibrate(
        lambda cost: measured(cost, at_once=at_once),
        memory_kib=budget,
        at_once=at_once,
        latency=timedelta(milliseconds=given.latency),
    )
    _report(chosen, budget, screen)
    _say_busy(host, screen)


def _budget_kib(typed: int | None, host: Host) -> int:
    if typed is None:
        if host.usable_kib is None:
            raise ConfigError("This system does not tell how much memory there is.", remedy="Give --memory.")
        return host.usable_kib // 4
    if typed < 1:
        raise ConfigError(f"--memory is {typed}.", remedy="Give MiB, 1 or more.")
    if host.usable_kib is not None and typed * 1024 > host.usable_kib:
        raise ConfigError(f"--memory is {typed}.", remedy=f"This process may use {host.usable_kib // 1024} MiB; give less.")
    return typed * 1024


def _report(chosen: Calibrated, budget_kib: int, screen: Screen) -> None:
    policy = chosen.policy
    permits, default = policy.permits or 1, HashingPolicy().parameters
    cost = f"memory_kib={policy.memory_kib:_}, time_cost={policy.time_cost}"
    print(f"HashingPolicy({cost}, permits={permits}, queue={policy.queue})\n")
    screen.say(
        f"One hash takes {1000 * chosen.seconds:.1f} ms while {permits} {'is' if permits == 1 else 'are'} computed at once: "
        f"{chosen.hashes_per_second:.0f} a second, in {policy.memory_kib * permits // 1024:,} of {budget_kib // 1024:,} MiB. "
        "It was measured here: run this on the machine that signs people in, with its build of Argon2. "
        "Worker processes share cores and memory, so give each its part."
    )
    screen.say()
    head = ("10^6 guesses at one stolen hash", f"default, {_named(default)}", f"this, {_named(policy.parameters)}", "in rent of")
    screen.table(head, [_bill(card, default, policy.parameters) for card in CARDS], right=(1, 2))
    screen.say("Sources of the model:")
    for line in SOURCES:
        screen.say(f"- {line}")


def _bill(card: Card, *costs: Argon2Parameters) -> tuple[str, ...]:
    dollars = (f"${dollars_per_million(cost, card):.3f}" for cost in costs)
    return (card.name, *dollars, f"${card.dollars_per_hour:.2f} an hour")


def _named(cost: Argon2Parameters) -> str:
    return f"{cost.memory_kib // 1024} MiB * {cost.time_cost}"


def _passes(cost: Argon2Parameters) -> str:
    return "1 pass" if cost.time_cost == 1 else f"{cost.time_cost} passes"


def _say_busy(host: Host, screen: Screen) -> None:
    if host.load is not None and host.load > host.cores / 2:
        screen.say(
            f"Others were at work here ({host.load:.1f} threads on {host.cores} cores over the last minute), so every time "
            "is too long. Measure again when it is quiet."
        )


# --- measuring --------------------------------------------------------------------------------------------------------


def measured(cost: Argon2Parameters, *, at_once: int) -> float:
    """Seconds that one hash takes, in memory that is kept, while *at_once* are computed: the median."""
    return median(taken for (taken,) in _rounds(cost, at_once=at_once, keep_kib=(cost.memory_kib,)))


def _rounds(cost: Argon2Parameters, *, at_once: int, keep_kib: Sequence[int]) -> list[tuple[float, ...]]:
    """
    Seconds of a hash in every round of every thread, once for each size of memory that is kept; 0 is as argon2-cffi ships it.

    Raises PortError when there is no memory for that.
    """
    taken: list[tuple[float, ...]] = []
    failed: list[Exception] = []
    gate = Barrier(at_once)

    def work() -> None:
        keep_memory()
        try:
            for kib in keep_kib:
                _timed(cost, kib)  # its pages come with the first
        except Exception as error:  # noqa: BLE001 - the others wait for this one
            failed.append(error)
        with suppress(BrokenBarrierError):
            gate.wait()
        until = perf_counter() + _LONGEST_SECONDS
        for _ in range(0 if failed else _ROUNDS):
            taken.append(tuple(_timed(cost, kib) for kib in keep_kib))
            if perf_counter() > until:
                break

    threads = [Thread(target=work, daemon=True) for _ in range(at_once)]
    try:
        for thread in threads:
            thread.start()
    except RuntimeError:
        gate.abort()
        raise PortError(f"The system gives no {at_once} threads.", remedy="Let fewer run at once.") from None
    for thread in threads:
        thread.join()
    if failed and not isinstance(failed[0], HashingError):
        raise failed[0]
    if failed:
        message = f"Argon2 got no memory for {at_once} times {cost.memory_kib // 1024} MiB."
        raise PortError(message, remedy="Free memory, or give less to hashing.")
    return taken


def _timed(cost: Argon2Parameters, keep_kib: int) -> float:
    began = perf_counter()
    derive(b"correct horse", salt=bytes(16), cost=cost, tag_bytes=32, keep_kib=keep_kib)
    return perf_counter() - began
