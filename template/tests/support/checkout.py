"""Copies of the service's checkout, in which tests run commands."""

import shutil
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from tests.support.live_server import output, spawned

ROOT = Path(__file__).parent.parent.parent


def copy_checkout(directory: Path) -> Path:
    """Copy the code that commands run to an existing directory; return the directory."""
    for name in ("app", "development", "migrations"):
        shutil.copytree(ROOT / name, directory / name)
    shutil.copy(ROOT / "pyproject.toml", directory)
    return directory


async def run_command(directory: Path, *arguments: str) -> str:
    """Run a command in a copy of the service, which must succeed; return its output."""
    app = (sys.executable, "-m", "app", *arguments)
    streams = {"stdout": PIPE, "stderr": STDOUT}
    async with spawned(*app, leads_group=True, cwd=directory, **streams) as process:
        text, _ = await output(process)
    assert process.returncode == 0, text.decode()
    return text.decode()
