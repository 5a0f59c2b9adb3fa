"""P18: what an import costs, in fresh interpreters."""

import os
import random
import subprocess
import sys
import tempfile

from tests.bench.table import BENCH, Row, si
from tests.bench.timing import Pace, Timed

CODE = """
import sys, time
started = time.perf_counter()
{}
print(time.perf_counter() - started)
print(*sys.modules)
"""
LATE = ("zxcvbn", "cryptography", "pyotp", "asyncio", "sqlite3", "concurrent.futures", "logging")
LEAST, PAGE = "import attrs, argon2", "import acctsec"
SERVICE = "from acctsec import Engine, Policy, MemoryStore"


@BENCH.row("P18", spinning=False)
def imports(pace: Pace):
    """The library, beside what it cannot do without: its contents page, and what a service that signs people in has to load."""
    codes = (LEAST, PAGE, SERVICE)
    rounds, modules = [], {}
    with tempfile.TemporaryDirectory(prefix="acctsec-bench-") as bytecode:
        for code in codes:
            _run(code, bytecode)
            modules[code] = _run(code, bytecode)[1].split()
        for _ in range(pace.of(pace.rounds, 1)):
            rounds.append({code: _run(code, bytecode)[0] for code in random.sample(codes, len(codes))})
    timed = Timed(tuple(rounds))
    for code, goal in ((PAGE, 1.5), (SERVICE, 1.5)):
        early = [name for name in LATE if name in modules[code]]
        ratio = timed.ratio(code, LEAST)
        yield Row(
            id="P18",
            what=f"{code} ÷ {LEAST}" + (f"; loads {', '.join(early)}" if early else ""),
            ours=si(timed.seconds(code)),
            floor=si(timed.seconds(LEAST)),
            ratio=f"{ratio:.2f}",
            figure=ratio,
            goal=f"≤ {goal}",
            met=ratio <= goal and not early,
        )


def _run(code: str, bytecode: str) -> tuple[float, str]:
    """Seconds of an import, and what it loaded. Bytecode is kept whatever the environment says, as an installation keeps it."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
    run = subprocess.run([sys.executable, "-c", CODE.format(code)], capture_output=True, text=True, check=True, env=environment)
    seconds, modules = run.stdout.split("\n", 1)
    return float(seconds), modules
