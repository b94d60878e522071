# /// script
# requires-python = ">=3.11"
# ///
"""Run the template's command: `uv run slipway.py status | diff | add | update | undo`.

The package is in the template's repository: `_src_path` of `.copier-answers.yml`.
"""

import os
import re
import sys
from pathlib import Path

SERVICE = Path(__file__).resolve().parent
ALIASES = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}

answers = (SERVICE / ".copier-answers.yml").read_text("utf-8")
match = re.search(r"^_src_path: (.*(?:\n .*)*)", answers, re.MULTILINE)
source = " ".join(match[1].split()).strip("'\"").removeprefix("git+") if match else ""
path = Path(source).expanduser()
if path.is_absolute():
    source = path.as_uri() if (path / "pyproject.toml").is_file() else f"git+{path.as_uri()}"
elif source.startswith("git@"):  # git@host:path
    source = "git+ssh://" + source.replace(":", "/", 1)
else:
    source = "git+" + ALIASES.get(source[:3], source[:3]) + source[3:]
command = ["uvx", "--from", f"slipway @ {source}", "slipway", "--service", str(SERVICE)]
os.execvp(command[0], [*command, *sys.argv[1:]])  # noqa: S606 - there is no shell to inject into
