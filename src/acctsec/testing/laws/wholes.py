"""Laws of a policy as one value."""

from attrs import evolve, fields, has

from acctsec.errors import ConfigError
from acctsec.policy import Policy
from acctsec.testing.laws.asking import Asking, Family, NotAsked, law


def _rebuilt(part: object) -> object:
    """The same again, from its own knobs; whatever its construction checks is checked again."""
    return evolve(part)  # type: ignore[misc]


@law("policy-can-be-built", Family.POLICY)
def can_be_built(ask: Asking) -> None:
    """Each family can be built again from its own knobs, and so can the policy: it is what its construction allows."""
    policy = ask.policy
    named = [(one.name, getattr(policy, one.name)) for one in fields(Policy) if one.init and has(type(getattr(policy, one.name)))]
    for name, part in (*named, ("policy", policy)):
        with ask.trying(f"What was given as {name} is built once more, from its own knobs."):
            try:
                again = _rebuilt(part)
            except ConfigError as error:
                raise AssertionError(f"It is refused: {error}") from error
            assert again == part, "It comes out as another one."


@law("policy-hides-its-secrets", Family.POLICY, "I32")
def hides_its_secrets(ask: Asking) -> None:
    """No repr and no list of knobs shows what a field keeps to itself, such as the pepper of another system."""
    shown = repr(ask.policy) + repr(ask.policy.knobs())
    hidden = _hidden(ask.policy, "policy")
    if not hidden:
        raise NotAsked("The policy holds no secret of its own, such as a pepper.")
    for name, value in hidden:
        with ask.trying(f"The repr of the policy and its knobs are read for the value of {name}."):
            assert repr(value)[1:-1] not in shown, "It is shown."


def _hidden(part: object, name: str) -> "list[tuple[str, str | bytes]]":
    """The texts of fields that have no repr, with their names."""
    found: list[tuple[str, str | bytes]] = []
    for one in fields(type(part)):  # type: ignore[arg-type]
        value = getattr(part, one.name)
        if not one.repr and isinstance(value, str | bytes) and len(value) > 3:
            found.append((f"{name}.{one.name}", value))
        for each in value if isinstance(value, tuple) else (value,):
            if has(type(each)):
                found += _hidden(each, f"{name}.{one.name}")
    return found


@law("policy-has-a-digest", Family.POLICY)
def has_a_digest(ask: Asking) -> None:
    """Two policies with the same knobs have the same digest, by which a log names what was in force."""
    with ask.trying("The policy is built twice from the same knobs."):
        again = evolve(ask.policy)
        assert again.digest == ask.policy.digest, "Their digests differ."
        assert again.knobs() == ask.policy.knobs(), "Their knobs are listed differently."


LAWS = (can_be_built, hides_its_secrets, has_a_digest)
