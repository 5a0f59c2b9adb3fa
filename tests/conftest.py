"""What every test shares: how hard Hypothesis searches."""

import os

from hypothesis import HealthCheck, settings

# No deadline anywhere: an Argon2 hash takes what it takes, and a shared machine is slow at times.
settings.register_profile("dev", max_examples=50, deadline=None)
# The same examples on every run: a red build is the change's doing.
settings.register_profile("ci", max_examples=300, deadline=None, derandomize=True, print_blob=True)
# New examples on every run, and many: for `make test-deep`.
settings.register_profile(
    "deep",
    max_examples=5_000,
    stateful_step_count=100,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))
