"""Reading a scenario file: it is whole, or refused with the file and the key named."""

import tomllib
from pathlib import Path

import msgspec
from attrs import frozen

from acctsec.errors import ConfigError
from acctsec.policy import Policy
from acctsec.testing.scenarios.checking import complaints
from acctsec.testing.scenarios.policies import policy_of
from acctsec.testing.scenarios.schema import Scenario

REMEDY = "`acctsec scenario schema` prints what a file may say."


@frozen
class Loaded:
    """A scenario that is whole, and the policy it is played under."""

    path: Path
    scenario: Scenario
    policy: Policy


def read_scenario(path: Path, *, policy: Policy | None = None) -> Loaded:
    """
    Read a scenario file; with a *policy* it is played under that one, whatever the file says of its own.

    Raises ConfigError for a file that cannot be read, is no TOML, does not keep to the schema, names somebody who is not there,
    or asks an actor to use what he does not have; the message begins with the file and the key.
    """
    try:
        scenario = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Scenario)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise _malformed(path, "the file", f"it cannot be read: {why}") from None
    except tomllib.TOMLDecodeError as error:
        raise _malformed(path, "the file", f"it is no TOML: {error}") from None
    except RecursionError:
        raise _malformed(path, "the file", "it is nested too deeply") from None
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise _malformed(path, where.strip("`.") or "the file", f"{what[:1].lower()}{what[1:]}") from None
    for key, complaint in complaints(scenario):
        raise _malformed(path, key, complaint)
    try:
        chosen = policy_of(scenario.policy, tuple(scenario.accounts.values()), instead=policy)
    except ConfigError as error:
        raise _malformed(path, "policy", str(error)) from None
    return Loaded(path, scenario, chosen)


def json_schema() -> dict[str, object]:
    """The schema of a scenario file as JSON Schema, for editors that complete TOML by one."""
    return msgspec.json.schema(Scenario)


def _malformed(path: Path, key: str, complaint: str) -> ConfigError:
    return ConfigError(f"{path.name}: {key}: {complaint.rstrip('.')}.", remedy=REMEDY)
