"""How likely a password is, for the hit count: asked of the password alone, off the event loop."""

from collections.abc import Callable
from functools import partial

from acctsec._flows.core import Core
from acctsec._flows.hashes import Password
from acctsec._values import evolve
from acctsec.errors import PortError
from acctsec.hashing.job import Job
from acctsec.password import likelihood
from acctsec.steps import NewVerifier, Scene

MEND = "Mend it; until then no stranger's password is compared."


async def likely(core: Core, scene: Scene, password: Password) -> float:
    """
    The share of accounts that have a password, 0 where no hit count is asked for.

    Where it was typed in another form than it is compared in, the likelier of the two counts. Raises PortError where what was
    asked fails, and Overloaded where too many ask.
    """
    hits = core.policy.lockout.hits
    if hits is None:
        return 0.0
    ask = hits.likelihood or partial(likelihood, estimator=core.policy.password.estimator)
    forms = (password.text,) if password.as_prepared else (password.text, password.typed)
    answers: list[object] = await core.ports.offload(Job(lambda: [_asked(ask, form) for form in forms], key=scene.source))
    shares = [float(one) for one in answers if type(one) in {int, float} and 0 <= one <= 1]  # type: ignore[arg-type, operator]
    if len(shares) != len(forms):
        raise PortError("The likelihood did not answer a share from 0 to 1.", remedy=MEND)
    return max(shares)


async def looked_at(core: Core, scene: Scene, new: NewVerifier, password: Password) -> NewVerifier:
    """A new verifier, with what the record may remember of how likely its password is."""
    hits = core.policy.lockout.hits
    return new if hits is None else evolve(new, likeliest=hits.bound(await likely(core, scene, password)))


def _asked(ask: Callable[[str], float], password: str) -> object:
    """Ask what is not ours. What it raised is named but not carried along: its message may hold the password."""
    try:
        return ask(password)
    except Exception as error:  # noqa: BLE001 - whatever it does wrong, the answer is no
        failure = type(error).__name__
    raise PortError(f"The likelihood raised {failure}.", remedy=MEND)
