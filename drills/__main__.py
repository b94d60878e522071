"""Runs the drill, and writes what came of it."""

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


def main(chosen: list[str]) -> int:
    """Run the drill, or some of its faults; say by the exit code whether the service kept its promises."""
    if lacking := missing():
        sys.exit(f"A drill needs {lacking}.")
    warnings.simplefilter("ignore", DirtyLocalWarning)
    with tempfile.TemporaryDirectory() as place:
        copier.run_copy(str(ROOT), place, ANSWERS, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
        found = asyncio.run(drill(Path(place), chosen or FAULTS))
    if not chosen:
        PAGE.write_text(page(found), encoding="utf-8")
        PICTURE.write_text(picture(found), encoding="utf-8")
    print("\n".join(found.broken) or "As promised.")
    return len(found.broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
