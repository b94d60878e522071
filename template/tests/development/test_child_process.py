"""Tests of the launcher of child processes, such as local servers."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from development import child_process
from tests.support.timeouts import PROCESS_DEADLINE

CHILD = f"""
import time
print("launched", flush=True)
time.sleep({PROCESS_DEADLINE})
print("still here")
"""
PARENT = f"""
import signal, subprocess, sys
from development import child_process
subprocess.run(child_process.command(signal.SIGKILL, sys.executable, "-c", {CHILD!r}))
"""
WRITER = "import os, sys; open(sys.argv[1], 'w').write(str(os.getuid()))"


@pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals exist on Linux only")
def test_child_process_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"launched\n"
        parent.kill()
        assert parent.stdout.read() == b""  # EOF when the last process with the pipe has ended


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no root")
def test_program_that_owns_directory_does_not_run_as_root(tmp_path: Path) -> None:
    output = tmp_path / "user"
    program = (sys.executable, "-c", WRITER, output)
    subprocess.run(child_process.command(signal.SIGTERM, *program, owned=(tmp_path,)), check=True)
    assert output.read_text() != "0"
