"""How long the harness takes to check distinct services, of which there will be many.

Use: `uv run python benchmarks/services.py [services]`. Each is one of the services that there are, with a comment of
its own, so that no verdict is shared; each passes all that every service passes. Told are the seconds of one service,
and what they come to for the 1,152 that the design allows.
"""

from __future__ import annotations

import io
import sys
import time
from contextlib import ExitStack, closing, nullcontext
from itertools import cycle, islice, product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from rich.console import Console

from tests.harness.combinations import rendering
from tests.harness import workspace as scratch
from tests.harness.checks.checks import CODE, QUICK
from tests.harness.checks.progress import Meter
from tests.harness.combinations.questions import Answers, code_questions
from tests.harness.checks.servers import Servers
from tests.harness.combinations.services import Service
from tests.harness.checks.runner import Court, Memory, Verdict

BUDGET = 30  # minutes
SERVICES = 1152  # that the design allows
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


def told(verdicts: list[Verdict]) -> None:
    """Print what each check took."""
    for check in EVERY:
        took = [verdict.figures for verdict in verdicts if verdict.check is check]
        seconds = sum(figures.seconds for figures in took) / len(took)
        processors = sum(figures.cpu for figures in took) / len(took)
        print(f"{check.name:<14} {seconds:5.2f} s each, {processors:5.2f} s of processors")


def main(number: int) -> None:
    """Check all of them, after a few have warmed the caches of types."""
    given = list(islice(cycle(code_questions().combinations()), number + WARM))
    with scratch.workspace() as directory, scratch.isolation(directory), rendering.memory(), ExitStack() as stack:
        scratch.release(directory / "template")
        services = [variant(place, each, directory / "template", directory) for place, each in enumerate(given)]
        servers = stack.enter_context(closing(Servers()))
        court = stack.enter_context(closing(Court(directory / "checks", Memory(directory / "memory"), servers)))
        court.like = services[:WARM]
        meter = Meter(Console(file=io.StringIO()), "Checking", nullcontext)
        for service, check in product(services[:WARM], CODE):
            court.of(service, check, meter)
        begun = time.perf_counter()
        for service, check in product(services[WARM:], EVERY):
            court.begin(service, check)
        verdicts = [court.of(service, check, meter) for service, check in product(services[WARM:], EVERY)]
        seconds = (time.perf_counter() - begun) / number
    told(verdicts)
    failures = sum(not verdict.passed for verdict in verdicts)
    print(f"{seconds:.2f} s a service, {failures} failures; {seconds * SERVICES / 60:.0f} min for {SERVICES}")
    print(f"goal: {BUDGET} min")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 40)
