"""`make dist`: builds what is released, twice over, and tries it where nothing else is installed."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
PINS = ROOT / "requirements" / "wheel.txt"
SMOKE = Path(__file__).with_name("smoke.py")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SUPPORTED = [
    line.rpartition(" ")[2] for line in PROJECT["classifiers"] if line.startswith("Programming Language :: Python :: 3.")
]


def run(*command, cwd=ROOT, **environment):
    """Run a command, answer what it says, and end with all of that if it fails."""
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}}
    done = subprocess.run(
        [str(one) for one in command],
        cwd=cwd,
        env={**clean, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}\nmake dist: the command above failed.")
    return done.stdout


def built(source, into, *targets):
    """Let the build backend make the *targets* of a source tree."""
    into.mkdir(parents=True, exist_ok=True)
    run(sys.executable, "-m", "hatchling", "build", "-d", into, *(f"-t{target}" for target in targets), cwd=source)


def build(work):
    """Wheel and sdist from the checkout; the wheel once more from the sdist, which has to give the same bytes."""
    shutil.rmtree(DIST, ignore_errors=True)
    built(ROOT, DIST, "sdist", "wheel")
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    with tarfile.open(sdist) as archive:
        archive.extractall(work / "sdist", filter="data")
    (source,) = (work / "sdist").iterdir()
    built(source, work / "again", "wheel")
    (again,) = (work / "again").glob("*.whl")
    if again.read_bytes() != wheel.read_bytes():
        sys.exit("make dist: the wheel that the sdist makes differs from the one of the checkout.")
    return sdist, wheel


def interpreters(named):
    """The interpreters to try: those *named*, else one of each supported version that this machine has, and what is missing."""
    if named:
        return named, []
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": sys.executable}
    homes = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"]
    for version in SUPPORTED:
        named_so = [
            shutil.which(f"python{version}"),
            *(path / "bin" / "python" for home in homes for path in home.glob(f"{version}.*")),
        ]
        for candidate in filter(None, named_so):
            asked = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            answer = subprocess.run(asked, capture_output=True, text=True, check=False)
            if answer.returncode == 0 and answer.stdout.strip() == version:
                found.setdefault(version, candidate)
    return [found[version] for version in SUPPORTED if version in found], [one for one in SUPPORTED if one not in found]


def tried(python, artefact, work):
    """Install an artefact and what is pinned for it, nothing else, and let it do its work; answers the interpreter of the place."""
    environment = work / f"{Path(python).resolve().parent.parent.name}-{artefact.suffix[1:]}"
    run(python, "-m", "venv", environment)
    inside = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = (inside, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    run(*pip, "--require-hashes", "-r", PINS)
    if artefact.suffix == ".gz":  # it is built where it lands; the backend is pinned with ours
        run(*pip, "--require-hashes", "-r", ROOT / "requirements" / "run.txt")
        run(*pip, "--no-deps", "--no-build-isolation", artefact, cwd=work)
    else:
        run(*pip, "--no-deps", artefact, cwd=work)
    run(inside, "-m", "pip", "--disable-pip-version-check", "check")
    # -I: neither this folder nor anything of the user's is on the path.
    print(run(inside, "-I", "-W", "error", SMOKE, PROJECT["version"], cwd=work).strip(), f"({artefact.name})")
    return inside


def list_parts(inside):
    """Write what is installed there as a bill of materials, the same bytes for the same parts."""
    path = DIST / f"acctsec-{PROJECT['version']}.cdx.json"
    facts = ("--pyproject", ROOT / "pyproject.toml", "--mc-type", "library", "--output-reproducible", "--output-format", "JSON")
    tool = (sys.executable, "-m", "cyclonedx_py", "environment", *facts, "--output-file", path)
    run(inside, "-m", "pip", "--disable-pip-version-check", "uninstall", "--quiet", "--yes", "pip", "setuptools")
    run(*tool, inside)
    parts = {part["name"].lower(): part["version"] for part in json.loads(path.read_text(encoding="utf-8"))["components"]}
    pinned = dict(line.split(" ")[0].split("==") for line in PINS.read_text(encoding="utf-8").splitlines() if "==" in line)
    foreign = sorted(set(parts.items()) - set(pinned.items()))
    if foreign or not parts:
        sys.exit(f"make dist: the bill of materials lists {foreign or 'nothing'}, and requirements/wheel.txt pins {pinned}.")
    return path, len(parts)


def main():
    """Build, look at it as an index would, try it, list its parts."""
    parser = argparse.ArgumentParser(prog="python -m tests.release", description=__doc__)
    parser.add_argument("--python", action="append", metavar="PATH", help="an interpreter to try (default: each supported one)")
    named, missing = interpreters(parser.parse_args().python)
    with TemporaryDirectory(prefix="acctsec-release-") as folder:
        work = Path(folder)
        sdist, wheel = build(work)
        run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
        places = [tried(python, wheel, work) for python in named]
        tried(named[0], sdist, work)
        bill, parts = list_parts(places[0])
    for version in missing:
        print(f"not tried on Python {version}: it is not on this machine")
    for path in (wheel, sdist, bill):
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes" + (f", {parts} parts" if path == bill else ""))


if __name__ == "__main__":
    main()
