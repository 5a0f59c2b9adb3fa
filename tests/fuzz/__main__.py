"""Fuzz one target until it breaks, or the options of libFuzzer say that it is enough."""

import sys

import atheris

with atheris.instrument_imports(include=["acctsec"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m tests.fuzz {{{','.join(TARGETS)}}} [OPTION …]")
    atheris.Setup([f"{sys.executable} -m tests.fuzz {sys.argv[1]}", *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
