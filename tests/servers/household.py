"""What all servers share: a folder that goes away, ports that stay ours, processes that end with the session."""

import atexit
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
from tests.servers.reaper import family, kill

LOOPBACK = "127.0.0.1"
PATIENCE = 30.0  # seconds that a server may take to start or to end
ROOM = 4 << 30  # bytes in memory that the data of a session's servers may come to
# Below the ephemeral ports of Linux and macOS; the bus of a cluster is 10,000 higher, and still below.
PORTS = range(10_240, 20_000)
BUS = 10_000
# Servers refuse whoever does not know it: other people may be on this machine.
PASSWORD = secrets.token_hex(16)

_lock = threading.RLock()
_taken = set()
_session = None


class ServerError(RuntimeError):
    """A server that tests need could not be had; the message says why, and how to mend it."""


class _Session:
    """The folder of this session, and the reaper that outlives it."""

    def __init__(self):
        self.owner = os.getpid()
        self.folder, self.memory = self._folder(None), self._folder(_memory())
        self.reaper = subprocess.Popen(
            [sys.executable, "-I", Path(__file__).with_name("reaper.py"), self.folder, self.memory],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd="/",
        )

    @staticmethod
    def _folder(place):
        made = Path(tempfile.mkdtemp(prefix="acctsec-servers-", dir=place))
        made.chmod(0o755)  # PostgreSQL may have to run as nobody
        return made

    def tell(self, sign, *words):
        """Let the reaper know who lives, unless it has ended them all."""
        with _lock, suppress(OSError, ValueError):
            print(sign, *words, file=self.reaper.stdin, flush=True)

    def end(self):
        """Let the reaper do its work now, and wait until all is gone."""
        self.tell("end")
        with suppress(OSError):
            self.reaper.stdin.close()
        self.reaper.wait()


def session():
    """The one of this process: what a fork inherits belongs to its parent."""
    global _session  # noqa: PLW0603 - one a process
    with _lock:
        if _session is None or _session.owner != os.getpid():
            _session = _Session()
        return _session


def end_session():
    """End every server of this process and remove all that they wrote; more of them may be started afterwards."""
    global _session  # noqa: PLW0603 - one a process
    with _lock:
        if _session is not None and _session.owner == os.getpid():
            _session.end()
            _session = None


atexit.register(end_session)


def new_folder(name, *, in_memory=False):
    """A new folder for us alone, removed at the end of the session; *in_memory* where that has room."""
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=session().memory if in_memory else session().folder))


def _memory():
    """A place in memory for files, or None where it is small (a container's has 64 MB) or missing."""
    with suppress(OSError):
        if os.access("/dev/shm", os.W_OK | os.X_OK) and shutil.disk_usage("/dev/shm").free >= ROOM:
            return "/dev/shm"
    return None


def free_port(*, bus=False):
    """A port of loopback that nobody has, and no client will be given; with *bus*, the one of a cluster's bus is free as well."""
    with _lock:
        for _ in range(1_000):
            port = secrets.choice(PORTS)
            wanted = [port, port + BUS] if bus else [port]
            if port not in _taken and all(map(_is_free, wanted)):
                _taken.add(port)
                return port
    raise ServerError(f"No port of {PORTS} is free on {LOOPBACK}. End what listens there.")


def _is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def in_wheel(package, *path, instead):
    """A file in an installed package, found without importing it; *instead* says what helps where there is no such wheel."""
    spec = find_spec(package)
    if spec is None or not (found := Path(spec.origin).parent.joinpath(*path)).exists():
        raise ServerError(
            f"The server in the package {package.replace('_', '-')} is not there. "
            f"Install requirements/dev.txt (make does), or {instead}."
        )
    return found


def nobody():
    """Whom a server runs as that refuses root, or None where we are not root."""
    import pwd  # not on Windows

    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def reachable(path):
    """Whether every user may enter all folders above *path*."""
    return all(folder.stat().st_mode & 0o001 for folder in Path(path).resolve().parents)


def copied(path, *, ignore=()):
    """A copy of a folder where every user may read it, made once a session."""
    copy = session().folder / "copies" / path.name
    with _lock:
        if not copy.exists():
            shutil.copytree(path, copy, ignore=shutil.ignore_patterns(*ignore))
            for one in [copy.parent, copy, *copy.rglob("*")]:
                one.chmod(one.stat().st_mode | (0o055 if one.is_dir() or one.stat().st_mode & 0o100 else 0o044))
    return copy


class Process:
    """One running server: what it printed, and the ways to end it."""

    def __init__(self, command, *, folder, user=None, environment=None):
        self.log = folder / "log"
        as_user = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with self.log.open("ab") as log:
            self._begin = log.tell()
            try:
                self._popen = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # an interrupt at the terminal is the session's to answer
                    cwd=folder,
                    env={"PATH": os.defpath, "LC_ALL": "C"} | (environment or {}),
                    **as_user,
                )
            except OSError as error:
                raise ServerError(
                    f"{command[0]} cannot be run: {error.strerror}. Allow it, or run the tests as an ordinary user."
                ) from error
        self.pid = self._popen.pid
        self._session = session()
        with suppress(psutil.NoSuchProcess):
            self._session.tell("+", self.pid, psutil.Process(self.pid).create_time())

    @property
    def running(self):
        """Whether it has not ended."""
        return self._popen.poll() is None

    def wait_until(self, ready, *, what):
        """Wait for *ready*() to be true; a server that ends before, or takes too long, says what it printed."""
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if not self.running or time.monotonic() > deadline:
                happened = "is not ready" if self.running else f"ended with status {self._popen.returncode}"
                self.kill()
                raise ServerError(f"{what} {happened}. It printed:\n{self.said()}")
            time.sleep(0.005)

    def wait(self):
        """Wait for it to end by itself, and answer its status."""
        try:
            return self._popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._popen.returncode
        finally:
            self._gone()

    def printed(self):
        """All that it printed; what earlier ones printed into the same log is not its own."""
        return self.log.read_bytes()[self._begin :]

    def said(self):
        """The last lines of what it printed."""
        return "\n".join(self.printed().decode(errors="replace").splitlines()[-20:])

    def signal(self, number):
        """Send a signal to it and to all that it started, to it first."""
        for one in family(self.pid) if self.running else []:
            with suppress(psutil.NoSuchProcess):
                one.send_signal(number)

    def stop(self, number):
        """Ask it to end, and wait; a paused one is woken for that."""
        if self.running:
            self.signal(signal.SIGCONT)
            self._popen.send_signal(number)
            try:
                self._popen.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
        self._gone()

    def kill(self):
        """End it and all that it started without a word (SIGKILL), and wait until they are gone."""
        if self.running:
            kill(family(self.pid))
        self._popen.wait(PATIENCE)
        self._gone()

    def _gone(self):
        self._session.tell("-", self.pid)


class Server:
    """What the servers have in common: started once or more on the same data and port, ended in several ways."""

    name: str
    process = None

    @property
    def running(self):
        """Whether its process lives (it may be paused)."""
        return self.process is not None and self.process.running

    def kill(self):
        """End it without a word (SIGKILL to it and its children), and wait until it is gone; what it wrote stays."""
        self.process.kill()

    def pause(self):
        """Keep it from running (SIGSTOP), so that connections stay open and nobody answers."""
        self.process.signal(signal.SIGSTOP)

    def resume(self):
        """Let it run on after `pause`."""
        self.process.signal(signal.SIGCONT)

    def revive(self):
        """Have it running, whatever was done to it."""
        if self.running:
            self.resume()
        else:
            self.start()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def __repr__(self):
        return f"<{type(self).__name__} on port {self.port}, {'running' if self.running else 'not running'}>"
