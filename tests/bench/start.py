"""P18: what an import costs, in fresh interpreters."""

import os
import random
import subprocess
import sys
import tempfile
from statistics import median

from tests.bench.table import BENCH, Row, si
from tests.bench.timing import Pace

CODE = """
import sys, time
started = time.perf_counter()
import {}
print(time.perf_counter() - started)
print(*sys.modules)
"""
LATE = ("zxcvbn", "cryptography", "pyotp", "asyncio", "sqlite3", "concurrent.futures", "logging")


@BENCH.row("P18", spinning=False)
def imports(pace: Pace):
    """The library, beside what it cannot do without."""
    names = ("attrs, argon2", "acctsec")
    rounds = []
    with tempfile.TemporaryDirectory(prefix="acctsec-bench-") as bytecode:
        for name in names:
            modules = _run(name, bytecode)[1]  # the last one, and so with its bytecode written
        for _ in range(pace.of(21, 1)):
            rounds.append({name: _run(name, bytecode)[0] for name in random.sample(names, 2)})
    ratio = median(one["acctsec"] / one["attrs, argon2"] for one in rounds)
    early = [name for name in LATE if name in modules.split()]
    yield Row(
        id="P18",
        what="import acctsec ÷ import attrs, argon2" + (f"; loads {', '.join(early)}" if early else ""),
        ours=si(median(one["acctsec"] for one in rounds)),
        floor=si(median(one["attrs, argon2"] for one in rounds)),
        ratio=f"{ratio:.2f}",
        goal="≤ 1.5",
        met=ratio <= 1.5 and not early,
    )


def _run(name: str, bytecode: str) -> tuple[float, str]:
    """Seconds of an import, and what it loaded. Bytecode is kept whatever the environment says, as an installation keeps it."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
    run = subprocess.run([sys.executable, "-c", CODE.format(name)], capture_output=True, text=True, check=True, env=environment)
    seconds, modules = run.stdout.split("\n", 1)
    return float(seconds), modules
