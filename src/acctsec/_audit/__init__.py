"""The audit of a policy: which one is meant, what it means, how it is told and written down."""
