"""Measure how long the test harness takes to check one service, and extrapolate to all services of the matrix.

Usage: `uv run python -m benchmarks.services [services]`. Each service has a unique comment, so that no cached result
applies, and runs all checks of the matrix (in a smoke test, only the quickest ones).
"""

from __future__ import annotations

import io
import time
from contextlib import ExitStack, closing, nullcontext
from itertools import cycle, islice, product
from typing import TYPE_CHECKING

from rich.console import Console

from benchmarks.comparison import arguments
from tests.harness import workspace as scratch
from tests.harness.checks.checks import CODE, QUICK
from tests.harness.checks.progress import Meter
from tests.harness.checks.runner import CheckResult, CheckRunner, ResultCache
from tests.harness.checks.servers import Servers
from tests.harness.combinations import rendering
from tests.harness.combinations.questions import Answers, code_questions
from tests.harness.combinations.services import Service

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.checks.checks import Check

WARM = 8  # services
EVERY = (*CODE, QUICK)


def variant(number: int, answers: Answers, template: Path, directory: Path) -> Service:
    """Render a service with a unique comment, so that no check finds its result in a cache."""
    place = directory / f"service-{number}"
    rendering.render(template, place, answers)
    files = rendering.tree(place)
    marked = files["app/__init__.py"].content + f"# Variant {number}.\n".encode()
    files["app/__init__.py"] = rendering.File(marked, executable=False)
    return Service(f"service-{number}", answers, place, files)


def show(results: list[CheckResult]) -> None:
    """Print the mean wall-clock time and CPU time of each check."""
    for check in dict.fromkeys(result.check for result in results):
        usages = [result.usage for result in results if result.check is check]
        seconds = sum(usage.seconds for usage in usages) / len(usages)
        processors = sum(usage.cpu for usage in usages) / len(usages)
        print(f"{check.name:<14} {seconds:5.2f} s each, {processors:5.2f} s of CPU time")


def main(number: int, warm: int, checks: tuple[Check, ...]) -> None:
    """Time the checks of several services, after a few other services have filled mypy's cache."""
    combinations = list(code_questions().combinations())
    selected = islice(cycle(combinations), number + warm)
    with scratch.workspace() as directory, scratch.isolation(directory), rendering.caching(), ExitStack() as stack:
        scratch.release(directory / "template")
        services = [variant(place, each, directory / "template", directory) for place, each in enumerate(selected)]
        servers = stack.enter_context(closing(Servers()))
        cache = ResultCache(directory / "results")
        runner = stack.enter_context(closing(CheckRunner(directory / "benchmark", cache, servers)))
        runner.warm_services = services[:warm]
        meter = Meter(Console(file=io.StringIO()), "Checking", nullcontext)
        for service, check in product(services[:warm], CODE):
            runner.result(service, check, meter)
        begun = time.perf_counter()
        for service, check in product(services[warm:], checks):
            runner.submit(service, check)
        results = [runner.result(service, check, meter) for service, check in product(services[warm:], checks)]
        seconds = (time.perf_counter() - begun) / number
    show(results)
    failures = sum(not result.passed for result in results)
    total = seconds * len(combinations) / 60
    print(f"{seconds:.2f} s a service, {failures} failures; {total:.0f} min for {len(combinations)}")


if __name__ == "__main__":
    options = arguments(__doc__, "services", 40)
    main(options.number, *((0, CODE[1:]) if options.smoke else (WARM, EVERY)))
