"""A newer template comes as one pull or merge request, which no conflict gets into and no refusal is hidden by."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.harness.combinations.copier_cli import run_command
from tests.harness.combinations.questions import all_questions
from tests.harness.delivery.formats import LINTERS, SCHEMAS
from tests.harness.findings import assert_no_findings, run
from tests.harness.workspace import ROOT, commit, git

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.combinations.copier_cli import Run
    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

pytestmark = pytest.mark.thorough

BRANCH = "template-update"
WORKFLOW, PIPELINE = ".github/workflows/template.yml", ".gitlab/template.yml"
SERVER = "https://gitlab.example.com"
NOTES = '## v1.1.0\n\nSay `hello` to "it" & all.\n\nA second line.'
REPORT = {"before": "v1.0.0", "after": "v1.1.0", "notes": NOTES, "questions": {"colour": "red"}, "seeds": ["a.py"]}
# What `uv run template update --branch NAME --json` does, as it was agreed: nothing, an update, or a refusal.
COMMAND = """\
#!/usr/bin/env bash
set -eu
[ "$*" = "run template update --branch template-update --json" ]
[ -z "$(git status --porcelain)" ]
echo "v1.0.0 → v1.1.0" >&2
cat "$REPORT"
[ "$LINE" ] || exit "$ENDS"
git switch --quiet --create template-update
printf '%s\\n' "$LINE" >>app.py
git commit --quiet --all --message "Update the template from v1.0.0 to v1.1.0"
git switch --quiet --detach "HEAD^"
"""
GH = """\
#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$CALLED"
case "$1 $2" in "pr list") printf '%s' "$OPEN" ;; "pr edit" | "pr create") cp "${!#}" "$CALLED.body" ;; esac
"""
HOOK = """\
#!/usr/bin/env bash
for ((number = 0; number < GIT_PUSH_OPTION_COUNT; number++)); do
    option="GIT_PUSH_OPTION_$number"
    printf '%s\\n' "${!option}"
done >"$CALLED"
"""


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@dataclass
class Runner:
    """A runner of pipelines, with one repository, and what stands for the programs that are out of reach."""

    home: Path
    ends: int = 0
    line: str = "new = True"
    open: str = ""  # the number of the request that is open

    @property
    def work(self) -> Path:
        return self.home / "work"

    @property
    def origin(self) -> Path:
        return self.home / "origin.git"

    @property
    def called(self) -> str:
        """What was asked of the host, line by line."""
        path = self.home / "called"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def told(self) -> str:
        """What the request says: in a file for GitHub's command, in an option of one line for GitLab."""
        body = self.home / "called.body"
        return body.read_text(encoding="utf-8") if body.exists() else self.called.replace("\\n", "\n")

    @property
    def summary(self) -> str:
        return (self.home / "summary").read_text(encoding="utf-8")

    @property
    def proposed(self) -> str:
        """The branch as the host has it; nothing if it has none."""
        return git(self.origin, "log", "--format=%s", f"--branches={BRANCH}*", "--not", "main")

    def variables(self) -> dict[str, str]:
        path = os.pathsep.join((str(self.home / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]))
        own = {"PATH": path, "RUNNER_TEMP": str(self.home / "temp"), "GITHUB_RUN_ID": "1", "LINE": self.line}
        told = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary", "CALLED": "called", "REPORT": "report"}
        host = {"CI_SERVER_PROTOCOL": "https", "CI_SERVER_URL": SERVER, "CI_PROJECT_PATH": "acme/shop"}
        token = {"CI_JOB_TOKEN": "job", "TEMPLATE_TOKEN": "secret", "CI_DEFAULT_BRANCH": "main"}
        asked = {"ENDS": str(self.ends), "OPEN": self.open, "GIT_CONFIG_GLOBAL": str(self.home / "gitconfig")}
        return os.environ | own | {name: str(self.home / file) for name, file in told.items()} | host | token | asked

    def clone(self) -> None:
        """Make the fresh clone that each job begins with; what the last one left for the next is elsewhere."""
        kept = self.work / ".cache"
        if kept.exists():
            kept.rename(self.home / "kept")
        shutil.rmtree(self.work, ignore_errors=True)
        git(self.home, "clone", "--quiet", "--branch", "main", str(self.origin), str(self.work))
        if (self.home / "kept").exists():
            (self.home / "kept").rename(kept)

    def runs(self, script: str) -> Run:
        return run_command(["bash", "-euo", "pipefail", "-c", script], self.work, self.variables(), 60)


def github(described: dict[str, Any], runner: Runner) -> int:
    """Run both jobs as GitHub does: what is to run always does, and nothing else once a step has failed."""
    for name, job in described["jobs"].items():
        output = runner.home / "output"
        if name == "propose" and not (output.exists() and "found=true" in output.read_text(encoding="utf-8")):
            continue
        runner.clone()
        failed = 0
        for step in [step for step in job["steps"] if "run" in step and "uv sync" not in step["run"]]:
            if not failed or step.get("if") == "always()":
                failed = runner.runs(step["run"]).returncode or failed
        if failed:
            return failed
    return 0


def gitlab(described: dict[str, Any], runner: Runner) -> int:
    """Run both jobs as GitLab does, the second with the artifacts of the first."""
    for job in described.values():
        runner.clone()
        ended = runner.runs("\n".join(job["script"]))
        (runner.home / "summary").write_text(ended.stdout, encoding="utf-8")
        if ended.returncode:
            return ended.returncode
    return 0


HOSTS: dict[str, tuple[str, Callable[[dict[str, Any], Runner], int]]] = {
    "github": (WORKFLOW, github),
    "gitlab": (PIPELINE, gitlab),
}


@pytest.fixture
def runner(empty: Path) -> Runner:
    """A runner whose repository holds a module, and the scripts of a service."""
    made = Runner(empty)
    for name, text in (("uv", COMMAND), ("gh", GH)):
        write_program(empty / "bin" / name, text)
    (empty / "report").write_text(json.dumps(REPORT), encoding="utf-8")
    shutil.copytree(ROOT / "template" / "template" / "pipeline", made.work / "template" / "pipeline")
    (made.work / "app.py").write_text("old = True\n", encoding="utf-8")
    (made.work / ".gitignore").write_text(".cache/\n", encoding="utf-8")
    commit(made.work, "start")
    git(empty, "clone", "--quiet", "--bare", str(made.work), str(made.origin))
    for name, value in (("receive.advertisePushOptions", "true"), ("core.hooksPath", "hooks")):
        git(made.origin, "config", name, value)
    write_program(made.origin / "hooks" / "post-receive", HOOK)
    shutil.copy(os.environ["GIT_CONFIG_GLOBAL"], empty / "gitconfig")
    pushed = f"url.{made.origin.as_uri()}.insteadOf"
    git(empty, "config", "--file", "gitconfig", pushed, "https://template:secret@gitlab.example.com/acme/shop.git")
    return made


@pytest.fixture(params=HOSTS)
def pipeline(request: pytest.FixtureRequest, runner: Runner, serve: Callable[[Answers], Service]) -> Callable[[], int]:
    """What runs the pipeline of each host, and says how it ended."""
    path, runs = HOSTS[request.param]
    file = serve(all_questions().default | {"ci": request.param}).files[path]
    described = yaml.safe_load(file.content)
    return lambda: runs(described, runner)


def test_something_new_is_proposed_with_its_notes(pipeline: Callable[[], int], runner: Runner) -> None:
    assert pipeline() == 0
    assert runner.proposed == "Update the template from v1.0.0 to v1.1.0\n"
    assert NOTES in runner.told
    assert '- `colour`: `"red"`' in runner.told
    assert "Update the template from v1.0.0 to v1.1.0" in runner.called


def test_nothing_new_is_no_request(pipeline: Callable[[], int], runner: Runner) -> None:
    runner.line = ""
    assert pipeline() == 0
    assert (runner.proposed, "pr" in runner.called, "merge_request" in runner.called) == ("", False, False)


@pytest.mark.parametrize("ends", [1, 2])
def test_a_refusal_fails_and_is_told(ends: int, pipeline: Callable[[], int], runner: Runner) -> None:
    runner.line, runner.ends = "", ends
    assert pipeline() == ends
    assert "v1.0.0 → v1.1.0" in runner.summary
    assert runner.proposed == ""


@pytest.mark.parametrize("line", ["<<<<<<< before updating", ">>>>>>> after updating"])
def test_a_conflict_is_pushed_by_nobody(line: str, pipeline: Callable[[], int], runner: Runner) -> None:
    runner.line = line
    assert pipeline() == 1
    assert runner.proposed == ""


def test_a_request_is_renewed(pipeline: Callable[[], int], runner: Runner) -> None:
    assert pipeline() == 0
    runner.line, runner.open = "newer = True", "7"
    assert pipeline() == 0
    assert runner.proposed == "Update the template from v1.0.0 to v1.1.0\n"
    assert "newer = True" in git(runner.origin, "show", f"{BRANCH}:app.py")
    assert "pr edit 7" in runner.called or "merge_request.create" in runner.called


def test_commits_of_somebody_are_kept(pipeline: Callable[[], int], runner: Runner) -> None:
    assert pipeline() == 0
    somewhere = runner.home / "somewhere"
    git(runner.home, "clone", "--quiet", "--branch", BRANCH, str(runner.origin), str(somewhere))
    git(somewhere, "commit", "--allow-empty", "--message", "Mend it")
    git(somewhere, "push", "--quiet")
    assert pipeline() == 1
    assert runner.proposed.startswith("Mend it\n")


def test_a_pipeline_pleases_its_linters(serve: Callable[[Answers], Service], tmp_path: Path) -> None:
    for host, (path, _) in HOSTS.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_bytes(serve(all_questions().default | {"ci": host}).files[path].content)
        pattern = f"/{path.rpartition('/')[0]}/*.yml"
        assert_no_findings(run("check-jsonschema", *SCHEMAS[pattern], file))
    for name in ("actionlint", "zizmor"):
        assert_no_findings(run(name, *LINTERS[name].arguments, tmp_path / WORKFLOW))


def test_who_runs_what_is_new_may_push_nothing(serve: Callable[[Answers], Service]) -> None:
    jobs = yaml.safe_load(serve(all_questions().default).files[WORKFLOW].content)["jobs"]
    assert jobs["prepare"]["permissions"] == {"contents": "read"}
    assert "TEMPLATE_TOKEN" not in json.dumps(jobs["prepare"])
    assert [step["run"] for step in jobs["propose"]["steps"] if "uv run" in step.get("run", "")] == []
