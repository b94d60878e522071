"""Deliberate faults in a rendered service, each of which violates a documented promise and must fail a named test."""

from __future__ import annotations

from tests.harness.promises.accounts import ACCOUNTS
from tests.harness.promises.definition import BOTH, Break
from tests.harness.promises.features import FEATURES
from tests.harness.promises.http import HTTP
from tests.harness.promises.jobs import JOBS
from tests.harness.promises.migrations import MIGRATIONS
from tests.harness.promises.resources import RESOURCES
from tests.harness.promises.rules import RULES
from tests.harness.promises.transactions import TRANSACTIONS

__all__ = ["BOTH", "BREAKS", "Break"]

BREAKS = [*TRANSACTIONS, *MIGRATIONS, *RULES, *HTTP, *RESOURCES, *ACCOUNTS, *FEATURES, *JOBS]
