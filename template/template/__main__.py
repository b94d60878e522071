# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "copier>=9.19.1,<10",
#     "copier-template-extensions>=0.3.4,<0.4",
#     "ruff>=0.17.5,<0.18",
# ]
# ///
"""Starts the command, with Copier beside it; the service's own environment knows nothing of it."""

import os
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

BEGUN = "TEMPLATE_COMMAND_BEGUN"  # in the environment, so that nothing begins anew without end
NEEDED = ("copier", "copier_template_extensions")
OF_ANOTHER = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")  # which a hook of Git's would pass on


def begin_anew() -> int:
    """Run this file in an environment that has what its first lines ask for."""
    command = ["uv", "run", "--quiet", "--script", __file__, *sys.argv[1:]]
    return subprocess.run(command, env=os.environ | {BEGUN: "1"}, check=False).returncode


if __package__:
    from .commands import main

    sys.exit(main())
elif all(map(find_spec, NEEDED)) or BEGUN in os.environ:
    for name in OF_ANOTHER:
        os.environ.pop(name, None)
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    runpy.run_module("template", run_name="__main__", alter_sys=True)
else:
    sys.exit(begin_anew())
