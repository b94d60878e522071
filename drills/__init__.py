"""A production without a cluster: the emitted service, several times, with all that stands around it, and what breaks.

Use: `uv run python -m drills [seconds]`, as root on Linux, with HAProxy, PgBouncer and iproute2 installed. It writes
`docs/drill.md` and its picture. Everything is real, on this machine: three replicas behind a balancer, two workers,
PostgreSQL behind PgBouncer in a network of their own, and a Valkey.
"""
