"""An import that an owner adds at the documented place of `app/main.py` stays there when ruff sorts imports."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.harness.findings import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

pytestmark = pytest.mark.thorough

FENCE = "# isort: split\n"
IMPORT, CALL = "from app import shop\n", "    shop.install(app)\n"


@pytest.mark.parametrize("answers", [{"database": "sqlite"}, {"features": ["cache", "observability"]}], ids=str)
def test_owner_import_stays_below_fence_after_ruff(
    answers: Answers, serve: Callable[[Answers], Service], tmp_path: Path
) -> None:
    service = shutil.copytree(serve(answers).directory, tmp_path / "service")
    main = service / "app/main.py"
    text = main.read_text(encoding="utf-8")
    before, _, after = text.partition(FENCE)
    assert after, f"app/main.py has no line {FENCE.strip()}"
    edited = f"{before}{FENCE}{IMPORT}{after}".replace("parts here.\n", f"parts here.\n{CALL}")
    main.write_text(edited, encoding="utf-8")
    for command in (("check", "--fix", "--exit-zero"), ("format",)):
        subprocess.run([TOOLS / "ruff", *command, "--quiet", str(main)], cwd=service, check=True)
    result = main.read_text(encoding="utf-8")
    assert result.startswith(before)
    assert IMPORT in result.partition(FENCE)[2]
    assert CALL in result
