"""What a release has to do where only its own requirements are installed: run by `make dist`, not by pytest."""

import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import acctsec
from acctsec import PasswordChanged, PasswordRejected, Refused, ResetLink, SessionEnded, SignedIn, SqliteStore
from acctsec.testing import async_world, world

NAME, GOOD, BETTER = "ada@example.org", "quiet otters juggle 41 pears", "seven slow tugboats hum at 5"


def sure(what, held):
    """End here unless it held; no assert, which -O would leave out."""
    if not held:
        sys.exit(f"smoke: it does not hold that {what}")


def package():
    """All of it arrived: the version, the mark of a typed package, the data, the texts of people."""
    sure("the version is the one that was built", acctsec.__version__ == version("acctsec") == sys.argv[1])
    inside = files("acctsec")
    sure("the package is typed", (inside / "py.typed").is_file())
    sure("the texts are there in Chinese", (inside / "locale" / "zh_CN" / "LC_MESSAGES" / "acctsec.mo").is_file())
    sure("it is not read from a checkout", "site-packages" in str(inside))


def story(path):
    """Sign-up, sign-in, a wrong password, an authenticator, a reset, and what it ends: on SQLite, with the hash that people get."""
    w = world(store=SqliteStore(path), policy=acctsec.SOCIAL_DEFAULT)
    here = w.context()
    w.sign_up("ada", NAME, GOOD)
    sure("a common password is refused", isinstance(w.engine.check_password("password1"), PasswordRejected))
    sure("a wrong password is refused", isinstance(w.engine.sign_in(NAME, "not this one", context=here), Refused))
    signed_in = w.sign_in(NAME, GOOD)
    sure("the right one signs in", isinstance(signed_in, SignedIn))
    app, _ = w.enroll(signed_in.session)
    w.clock.advance(minutes=5)
    asked = w.engine.sign_in(NAME, GOOD, context=here)
    answered = w.engine.verify_factor(asked.ticket, app.code(w.clock()), context=here)
    sure("password and code sign in", isinstance(answered, SignedIn))
    link = w.reset_link(NAME)
    w.clock.advance(minutes=1)
    due = w.engine.redeem_reset(ResetLink(link), BETTER, context=here)
    sure("mail alone does not pass a second factor", type(due).__name__ in {"FactorRequired", "ProofRequired"})
    w.close()


def without_factor(path):
    """A reset by mail alone, of an account that has nothing else."""
    w = world(store=SqliteStore(path))
    w.sign_up("ada", NAME, GOOD)
    before = w.sign_in(NAME, GOOD).session
    changed = w.engine.redeem_reset(ResetLink(w.reset_link(NAME)), BETTER, context=w.context())
    sure("a reset changes the password", isinstance(changed, PasswordChanged))
    sure("and ends every session", isinstance(w.engine.check_session(before, context=w.context()), SessionEnded))
    sure("the old password is over", isinstance(w.engine.sign_in(NAME, GOOD, context=w.context()), Refused))
    sure("the new one is good", isinstance(w.sign_in(NAME, BETTER), SignedIn))
    w.close()


def awaited():
    """The same, awaited."""
    w = async_world()
    w.sign_up("ada", NAME, GOOD)
    sure("the async face signs in", isinstance(w.calls.sign_in(NAME, GOOD, context=w.context()), SignedIn))
    w.close()


def typed(*command):
    """The command line, by its name and as a module."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    sure(f"`{' '.join(command[-2:])}` answers\n{done.stdout}{done.stderr}", done.returncode == 0)
    return done.stdout


def main():
    """All of it, in a folder that goes."""
    package()
    with TemporaryDirectory() as folder:
        story(Path(folder) / "accounts.db")
        without_factor(Path(folder) / "more.db")
        awaited()
        command = str(Path(sys.executable).with_name("acctsec"))
        sure("it says its version", sys.argv[1] in typed(command, "--version"))
        sure("it makes keys", len(typed(command, "keys")) > 64)
        sure("it explains a policy", "SP 800-63B-4" in typed(sys.executable, "-m", "acctsec", "policy"))
        typed(command, "demo", "--fast", "--report", str(Path(folder) / "demo.html"))
    print(f"Python {sys.version.split()[0]}: acctsec {sys.argv[1]} does its work", end=" ")


if __name__ == "__main__":
    main()
