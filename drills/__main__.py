"""Run a fault-injection drill, and write its report."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import warnings
from pathlib import Path

import copier
from copier.errors import DirtyLocalWarning

from drills.drill import drill
from drills.faults import FAULTS
from drills.machines import missing
from drills.picture import picture
from drills.production import ANSWERS
from drills.report import page

ROOT = Path(__file__).parent.parent
PAGE, PICTURE = ROOT / "docs" / "drill.md", ROOT / "docs" / "drill.svg"


def main(selected: list[str]) -> int:
    """Inject the given faults, or all, and return the number of violated guarantees.

    If all are injected, write the report and the picture.
    """
    if requirements := missing():
        sys.exit(f"A drill needs {requirements}.")
    warnings.simplefilter("ignore", DirtyLocalWarning)
    with tempfile.TemporaryDirectory() as directory:
        copier.run_copy(str(ROOT), directory, ANSWERS, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
        result = asyncio.run(drill(Path(directory), selected or FAULTS))
    if not selected:
        PAGE.write_text(page(result), encoding="utf-8")
        PICTURE.write_text(picture(result), encoding="utf-8")
    print("\n".join(result.violations) or "All guarantees hold.")
    return len(result.violations)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
