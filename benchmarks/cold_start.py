"""How long the emitted service takes to start, against importing the libraries that it stands on.

Use: `uv run python benchmarks/cold_start.py [rounds]`. Both are measured in turn, as whole processes, and the least of
each is kept; look at the ratio. The environment holds what production has, and no more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import copier

ROOT = Path(__file__).parent.parent
FLOOR = "import fastapi, sqlalchemy.ext.asyncio, pydantic_settings"
SERVICE = "import app.main; app.main.create_app()"
BUDGET = 1.3  # times the floor


def seconds(program: str, directory: str) -> float:
    """Measure a fresh interpreter that runs `program`."""
    environment = {**os.environ, "DATABASE_URL": "postgresql://app@localhost/app", "PYTHONPATH": directory}
    begun = time.perf_counter()
    subprocess.run([f"{directory}/.venv/bin/python", "-c", program], cwd=directory, env=environment, check=True)
    return time.perf_counter() - begun


def install(directory: str) -> None:
    """Install what the service needs in production."""
    command = ["uv", "sync", "--quiet", "--no-dev", "--no-install-project", "--compile-bytecode"]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run(command, cwd=directory, env=environment, check=True)


def main(rounds: int) -> None:
    """Render the default service, and start both in turn."""
    with tempfile.TemporaryDirectory() as directory:
        copier.run_copy(str(ROOT), directory, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
        install(directory)
        seconds(SERVICE, directory)  # compiles the bytecode of the service
        pairs = [(seconds(FLOOR, directory), seconds(SERVICE, directory)) for _ in range(rounds)]
    floor, service = (min(column) for column in zip(*pairs, strict=True))
    print(f"floor {floor:.2f} s, service {service:.2f} s, ratio {service / floor:.2f}, budget {BUDGET}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
