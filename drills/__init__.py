"""Run the emitted service as in production on one machine, inject faults into its servers, and report the effects.

Usage: `uv run python -m drills [fault…]`, as root on Linux, with HAProxy, PgBouncer and iproute2 installed. Without
arguments, it injects all faults, and writes `docs/drill.md` with its picture. All servers are real: three replicas
behind HAProxy, two workers, PostgreSQL behind PgBouncer in a network namespace, and Valkey.
"""
