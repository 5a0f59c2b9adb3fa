"""Which modules decide, and which tests know them best: a family is mutated together, and tested by the same tests."""

from typing import NamedTuple


class Family(NamedTuple):
    """Modules (below src/acctsec, `*` for all of a folder) and the tests (below tests) that a mutant of them meets."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]

    @property
    def files(self):
        """The modules as mutmut wants them."""
        return [f"src/acctsec/{module}.py" for module in self.modules]

    @property
    def sources(self):
        """The modules as mypy wants them."""
        return [file.removesuffix("/*.py") for file in self.files]

    @property
    def paths(self):
        """The tests as pytest wants them."""
        return [f"tests/{test}" for test in self.tests]


FLOWS = (
    "mfa",
    "recovery",
    "steps",
    "test_addresses.py",
    "test_challenges.py",
    "test_contacts.py",
    "test_devices.py",
    "test_first_passwords.py",
    "test_foreign_flows.py",
    "test_given_addresses.py",
    "test_hits.py",
    "test_networks.py",
    "test_password_flows.py",
    "test_proofs.py",
    "test_risk_flows.py",
    "test_sending.py",
    "test_sessions.py",
    "test_tightening.py",
    "test_two_administrators.py",
    "test_typos.py",
    "test_unlock.py",
    "test_without_meters.py",
)
"""Tests that walk through operations, in memory."""

FAMILIES = {
    "meters": Family(
        ("meters", "budgets"), ("lockout", "stores/test_contract.py", "stores/test_memory.py", "test_hits.py", "test_meters.py")
    ),
    "lockout": Family(
        ("lockout/*",),
        (
            "lockout",
            "test_devices.py",
            "test_hits.py",
            "test_knobs.py",
            "test_networks.py",
            "test_policies_kit.py",
            "test_typos.py",
            "test_unlock.py",
            "test_without_meters.py",
        ),
    ),
    "sessions": Family(
        ("sessions", "reset", "assurance", "policy"),
        (
            "mfa/test_proof_dates.py",
            "mfa/test_step_up.py",
            "recovery",
            "test_first_passwords.py",
            "test_inputs.py",
            "test_knobs.py",
            "test_password_flows.py",
            "test_policies_kit.py",
            "test_record.py",
            "test_sending.py",
            "test_sessions.py",
        ),
    ),
    "requests": Family(
        ("challenges", "checks", "context", "devices", "headers", "identifiers", "links"),
        (
            "test_challenges.py",
            "test_context.py",
            "test_device_names.py",
            "test_headers.py",
            "test_identifiers.py",
            "test_inputs.py",
            "test_links.py",
        ),
    ),
    "mfa": Family(
        (
            "mfa/actions",
            "mfa/delivered",
            "mfa/doubtful",
            "mfa/enrolment",
            "mfa/hotp",
            "mfa/needs",
            "mfa/otp",
            "mfa/policy",
            "mfa/proving",
            "mfa/provisioning",
            "mfa/push",
            "mfa/recovery",
            "mfa/totp",
        ),
        ("mfa", "test_knobs.py"),
    ),
    "passkeys": Family(("mfa/passkeys/*",), ("mfa",)),
    "recovery": Family(("recovery/paths", "recovery/policy"), ("recovery", "test_knobs.py", "test_recovery_policy.py")),
    "password": Family(
        (
            "password/banned",
            "password/classes",
            "password/context",
            "password/identity",
            "password/nearby",
            "password/policy",
            "password/preparation",
            "password/rules",
            "password/slips",
        ),
        ("password", "test_knobs.py", "test_password_flows.py"),
    ),
    "attacks": Family(("attacks/*",), ("attacks", "test_attacks.py", "test_knobs.py", "test_risk_flows.py", "test_watching.py")),
    "steps": Family(("steps/*",), FLOWS),
}
"""Every family, in the order in which they run."""
