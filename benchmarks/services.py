"""How long the harness takes to check distinct services, of which there will be many.

Use: `uv run python -m benchmarks.services [services]`. Each is a distinct service, with a comment of its own, so
that no result is shared; each passes all that every service passes (in a smoke test, only the quickest checks). The
seconds of one service are printed, and what they come to for all of them.
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
    """Make a service that no other is equal to."""
    place = directory / f"service-{number}"
    rendering.render(template, place, answers)
    files = rendering.tree(place)
    marked = files["app/__init__.py"].content + f"# Variant {number}.\n".encode()
    files["app/__init__.py"] = rendering.File(marked, executable=False)
    return Service(f"service-{number}", answers, place, files)


def show(results: list[CheckResult]) -> None:
    """Print what each check took."""
    for check in dict.fromkeys(result.check for result in results):
        took = [result.usage for result in results if result.check is check]
        seconds = sum(usage.seconds for usage in took) / len(took)
        processors = sum(usage.cpu for usage in took) / len(took)
        print(f"{check.name:<14} {seconds:5.2f} s each, {processors:5.2f} s of processors")


def main(number: int, warm: int, checks: tuple[Check, ...]) -> None:
    """Check all of them, after a few have warmed the caches of types."""
    combinations = list(code_questions().combinations())
    given = islice(cycle(combinations), number + warm)
    with scratch.workspace() as directory, scratch.isolation(directory), rendering.caching(), ExitStack() as stack:
        scratch.release(directory / "template")
        services = [variant(place, each, directory / "template", directory) for place, each in enumerate(given)]
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
    parsed = arguments(__doc__, "services", 40)
    main(parsed.number, *((0, CODE[1:]) if parsed.smoke else (WARM, EVERY)))
