"""The laws of a policy, as one call."""

from collections.abc import Callable, Collection

from attrs import evolve

from acctsec.password.codes import Code
from acctsec.policy import Policy
from acctsec.presets import CHEAPEST
from acctsec.testing import _engine_laws, _lockout_laws, _password_laws


def check_policy(policy: Policy, *, codes: Collection[str] = ()) -> None:
    """
    Prove that a policy keeps the laws that hold for every policy, whatever its numbers and rules.

    Passwords: judged alike every time, in every spelling, with no exception for any input; both of two policies accept
    only what each does; objections have known codes (*codes* names those of your own rules) and hold nothing of the
    password; people can find one that passes. Guessing: more failures never loosen a lane, none admits above its stop, at
    any pace and in parallel, none stays closed for longer than it says, nobody near a known device holds it up, a hit
    count is never exceeded. Resets and sessions: none outlives its time. And one whole story, from sign-up to sign-in, shows no
    secret.

    Raises AssertionError with the broken law as a sentence. Every run asks the same; it takes a few seconds, as hashing is
    replaced by the cheapest there is (the law of the hashing policy itself is asked of the real one).

    >>> from acctsec import SOCIAL_DEFAULT
    >>> check_policy(SOCIAL_DEFAULT)
    """
    if not isinstance(policy, Policy):
        raise TypeError("check_policy takes a Policy.")
    known = frozenset([*Code, *codes])
    cheap = evolve(policy, hashing=CHEAPEST.hashing)
    asked: list[tuple[Callable[..., None], tuple[object, ...]]] = [
        *((law, (policy, known)) for law in _password_laws.LAWS),
        *((law, (policy,)) for law in (*_lockout_laws.LAWS, *_engine_laws.PURE)),
        *((law, (cheap,)) for law in _engine_laws.WHOLE),
    ]
    for law, facts in asked:
        try:
            law(*facts)
        except Exception as error:
            raise AssertionError(f"The policy {policy.name!r} breaks a law. {law.__doc__} {error!r}") from error
