"""Benchmarks run without errors: quick ones in CI, all of them in larger matrices."""

from __future__ import annotations

import runpy
import subprocess
import sys

import pytest

from tests.harness.workspace import ROOT

MODULES = {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - {"comparison", "floor"}
QUICK = {"cache", "services"}


def is_slow(config: pytest.Config, name: str) -> bool:
    return config.option.matrix == "pairs" and name not in QUICK


@pytest.mark.parametrize("name", sorted(MODULES))
def test_benchmark_prints_its_options(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit, match=r"^0$"):
        runpy.run_path(str(ROOT / "benchmarks" / f"{name}.py"), run_name="__main__")
    assert f"benchmarks.{name}" in capsys.readouterr().out


@pytest.mark.thorough
@pytest.mark.parametrize("name", sorted(MODULES))
def test_benchmark_smoke_run_succeeds(name: str, pytestconfig: pytest.Config) -> None:
    if is_slow(pytestconfig, name):
        pytest.skip("run with a larger matrix")
    command = [sys.executable, "-m", f"benchmarks.{name}", "--smoke"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stderr
    assert run.stdout
