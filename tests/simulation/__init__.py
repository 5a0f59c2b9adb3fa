"""
A discrete-event simulation of lockout policies: owners with their habits beside attackers, under one policy after the other.

    python -m tests.simulation --owners 10000 --days 30 --seeds 10 --jobs 2 [--json FILE] [--svg FOLDER]

`popularity` and `habits` say what people do and whence that is known, `owners` and `attackers` act it out in the time of a `world`,
`ours` and `peers` are the policies, `tally` counts. docs/explanation/lockout-simulation.md lists the assumptions.
"""
