"""`slipway new` creates a service that is committed and can be updated, or nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from slipway.commands import new
from slipway.errors import CommandError
from tests.harness.combinations.copier_cli import Run, copier
from tests.harness.combinations.rendering import tree
from tests.harness.updates.owner_repository import FIRST, THIRD, create_template, write
from tests.harness.workspace import commit as commit_all
from tests.harness.workspace import git

if TYPE_CHECKING:
    from pathlib import Path

ANSWERS = ".copier-answers.yml"
HOSTED = "https://git.example.org/acme/template.git"
HOOK = "#!/bin/sh\necho no commit today >&2\nexit 1\n"


@pytest.fixture(scope="module")
def template(workspace: Path) -> Path:
    directory = workspace / "template of new"
    create_template(directory)
    return directory


@pytest.fixture
def place(empty: Path) -> Path:
    """A directory in which services are created."""
    empty.mkdir()
    return empty


@pytest.fixture
def clone(template: Path, place: Path) -> Path:
    """A clone without tags."""
    git(place, "clone", "--quiet", "--no-tags", str(template), "template")
    return place / "template"


def slipway(directory: Path, *arguments: str, **variables: str) -> Run:
    return subprocess.run(
        [sys.executable, "-P", "-m", "slipway", *arguments],
        cwd=directory,
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def create(directory: Path, *arguments: str, **variables: str) -> dict[str, Any]:
    completed = slipway(directory, "new", *arguments, "--json", **variables)
    assert completed.returncode == 0, completed.stderr
    return dict(json.loads(completed.stdout))


def record(service: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((service / ANSWERS).read_text(encoding="utf-8")))


def rejected(completed: Run) -> str:
    """Return the one line of an error."""
    assert completed.returncode == 2, completed.stderr
    assert completed.stderr.count("\n") == 1, completed.stderr
    return completed.stderr


# ── The service ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_service_equals_copy(template: Path, place: Path) -> None:
    create(place, "ours", "--source", str(template), "--data", "project=Bar", "--no-git")
    copied = copier(
        "copy", "--trust", "--defaults", "--data", "project=Bar", str(template), str(place / "copy"), directory=place
    )
    assert copied.returncode == 0, copied.stderr
    assert tree(place / "ours") == tree(place / "copy")


def test_newest_tag_is_committed_on_main(template: Path, place: Path) -> None:
    report = create(place, "shop", "--source", str(template))
    service = place / "shop"
    assert report == {
        "directory": str(service),
        "version": THIRD,
        "commit": git(service, "rev-parse", "main").strip(),
        "problem": "",
    }
    assert git(service, "log", "--format=%s") == f"Start from the template at {THIRD}\n"
    assert git(service, "status", "--porcelain") == ""
    assert record(service) == {
        "_commit": THIRD,
        "_src_path": str(template),
        "project": "Shop",
        "cache": True,
        "greeting": "hello",
    }
    assert service.stat().st_mode == place.stat().st_mode | 0o055
    assert [path.name for path in place.iterdir()] == ["shop"]


def test_named_version_and_answers_are_recorded(template: Path, place: Path) -> None:
    write(place, {"answers.yml": "project: Café\n"})
    options = ("--to", FIRST, "--data-file", "answers.yml", "--data", "cache=false")
    report = create(place, "shop", "--source", str(template), *options)
    assert report["version"] == FIRST
    assert record(place / "shop") == {"_commit": FIRST, "_src_path": str(template), "project": "Café", "cache": False}
    assert not (place / "shop" / "app" / "cache.py").exists()


def test_next_commands_start_in_current_directory(template: Path, place: Path) -> None:
    completed = slipway(place, "new", "deep/my shop", "--source", str(template))
    assert completed.returncode == 0, completed.stderr
    block = [line.strip() for line in completed.stdout.splitlines() if line.startswith("  ")]
    assert block[:2] == ["cd 'deep/my shop'", "uv run app dev"]
    assert block[2].startswith("uv run slipway.py add resource order ")
    assert git(place / "deep" / "my shop", "status", "--porcelain") == ""


def test_empty_current_directory_is_accepted(template: Path, place: Path) -> None:
    (place / "shop").mkdir()
    completed = slipway(place / "shop", "new", ".", "--source", str(template))
    assert completed.returncode == 0, completed.stderr
    assert "cd " not in completed.stdout
    assert git(place / "shop", "status", "--porcelain") == ""


def test_no_git_option_creates_no_repository(template: Path, place: Path) -> None:
    report = create(place, "shop", "--source", str(template), "--no-git", GIT_CONFIG_GLOBAL=os.devnull)
    assert report["commit"] is None
    assert not (place / "shop" / ".git").exists()


def test_configured_default_branch_is_used(template: Path, place: Path) -> None:
    create(place, "shop", "--source", str(template), **settings("init.defaultBranch", "trunk"))
    assert git(place / "shop", "branch", "--show-current") == "trunk\n"


def settings(*pairs: str) -> dict[str, str]:
    """Return the variables that configure Git."""
    variables = {"GIT_CONFIG_COUNT": str(len(pairs) // 2)}
    for number, (key, value) in enumerate(zip(pairs[::2], pairs[1::2], strict=True)):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


# ── The source ────────────────────────────────────────────────────────────────────────────────────────────────────────
def assert_updatable(service: Path, repository: Path, **variables: str) -> None:
    """Assert that `status` finds nothing to do, and that an update brings a new file of the template."""
    completed = slipway(service, "status", **variables)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    write(repository, {"template/news.md": "# News\n"})
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "Add news")
    completed = slipway(service, "update", "--to", "main", "--no-checks", **variables)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert (service / "news.md").is_file()


@pytest.mark.parametrize("source", [".", "../template", "{}", "file://{}", "git+file://{}"])
def test_local_source_is_recorded_and_updated(source: str, clone: Path, place: Path) -> None:
    create(clone, "../shop", "--source", source.format(clone))
    assert record(place / "shop")["_src_path"] == str(clone)
    assert_updatable(place / "shop", clone)


@pytest.mark.parametrize("source", ["bare.git", "{}"])
def test_bare_source_is_recorded_and_updated(source: str, clone: Path, place: Path) -> None:
    git(place, "clone", "--quiet", "--bare", str(clone), "bare.git")
    create(place, "shop", "--source", source.format(place / "bare.git"))
    assert record(place / "shop")["_src_path"] == str(place / "bare.git")
    git(clone, "remote", "set-url", "--push", "origin", str(place / "bare.git"))
    assert slipway(place / "shop", "status").returncode == 0


def test_origin_of_clone_is_recorded_and_updated(template: Path, clone: Path, place: Path) -> None:
    git(place, "clone", "--quiet", "--bare", str(template), "hosted.git")
    reachable = settings(f"url.{place / 'hosted.git'}.insteadOf", HOSTED)
    git(clone, "remote", "set-url", "origin", HOSTED)
    create(clone, "../shop", "--source", ".", **reachable)
    assert record(place / "shop")["_src_path"] == HOSTED
    assert slipway(place / "shop", "status", "--to", "main", **reachable).returncode == 0


def test_unpublished_commit_is_recorded_by_path(clone: Path, place: Path) -> None:
    git(clone, "remote", "set-url", "origin", HOSTED)
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "Unpublished")
    create(clone, "../shop", "--source", ".")
    assert record(place / "shop")["_src_path"] == str(clone)


def test_template_without_tags_is_created_at_head(clone: Path, place: Path) -> None:
    report = create(place, "shop", "--source", "template")
    assert git(clone, "rev-parse", "HEAD").startswith(report["version"])
    assert_updatable(place / "shop", clone)


def test_uncommitted_changes_of_template_are_rejected(clone: Path, place: Path) -> None:
    write(clone, {"template/ci.yml": "changed\n"})
    error = rejected(slipway(place, "new", "shop", "--source", "template"))
    assert "uncommitted changes (template/ci.yml)" in error
    assert "commit them first" in error
    create(place, "shop", "--source", "template", "--to", "HEAD")
    assert (place / "shop" / "ci.yml").read_text(encoding="utf-8") != "changed\n"


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({"url": "file:///a%20b", "dir_info": {"editable": True}}, ("/a b", None)),
        ({"url": "https://host/x", "vcs_info": {"vcs": "git", "commit_id": "1"}}, ("https://host/x", None)),
        (
            {"url": "https://host/x", "vcs_info": {"vcs": "git", "requested_revision": "v1"}},
            ("https://host/x", "v1"),
        ),
    ],
)
def test_source_of_installation_is_default(
    about: dict[str, Any], expected: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new, "distribution", lambda _: Installed(json.dumps(about)))
    assert new.installed_source() == expected


@pytest.mark.parametrize("text", [None, '{"url": "https://host/slipway.whl", "archive_info": {}}'])
def test_installation_from_index_needs_source(text: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new, "distribution", lambda _: Installed(text))
    with pytest.raises(CommandError, match="--source URL"):
        new.installed_source()


class Installed:
    """A distribution with a `direct_url.json`."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def read_text(self, _: str) -> str | None:
        return self.text


# ── Rejected ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_nonempty_directory_is_rejected(template: Path, place: Path) -> None:
    write(place, {"shop/notes.md": "mine\n"})
    assert "shop is not empty" in rejected(slipway(place, "new", "shop", "--source", str(template)))
    assert "notes.md is a file" in rejected(slipway(place, "new", "shop/notes.md", "--source", str(template)))
    assert [path.name for path in place.rglob("*")] == ["shop", "notes.md"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--data", "colour=red"), "no question named colour"),
        (("--to", "v9"), "has no revision v9"),
        (("--data", "cache"), "QUESTION=ANSWER"),
    ],
)
def test_invalid_request_creates_nothing(options: tuple[str, ...], message: str, template: Path, place: Path) -> None:
    assert message in rejected(slipway(place, "new", "shop", "--source", str(template), *options))
    assert [*place.iterdir()] == []


def test_directory_without_template_is_rejected(place: Path) -> None:
    write(place, {"other/README.md": "No template\n"})
    commit_all(place / "other", "v1.0.0")
    assert "has no copier.yml" in rejected(slipway(place, "new", "shop", "--source", "other"))
    assert not (place / "shop").exists()


def test_missing_identity_is_rejected(template: Path, place: Path) -> None:
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull} | settings("user.useConfigOnly", "true")
    error = rejected(slipway(place, "new", "shop", "--source", str(template), **nobody))
    assert "git config --global user.name" in error
    assert "--no-git" in error
    assert [*place.iterdir()] == []


def test_failing_signature_is_rejected(template: Path, place: Path) -> None:
    signing = settings("commit.gpgSign", "true", "gpg.program", "false")
    assert "cannot be signed" in rejected(slipway(place, "new", "shop", "--source", str(template), **signing))
    assert [*place.iterdir()] == []


# ── In another repository ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def monorepo(place: Path) -> Path:
    """A repository with a staged, a changed and an untracked file."""
    directory = place / "monorepo"
    write(directory, {"staged.txt": "1\n", "changed.txt": "1\n", ".gitignore": "*.sql\nbuild/\n"})
    commit_all(directory, "start")
    write(directory, {"staged.txt": "2\n", "changed.txt": "2\n", "new.txt": "1\n"})
    git(directory, "add", "staged.txt")
    return directory


STATUS = " M changed.txt\nM  staged.txt\n?? new.txt\n"


def test_monorepo_commit_contains_only_service(template: Path, monorepo: Path) -> None:
    create(monorepo, "services/shop", "--source", str(template))
    assert not (monorepo / "services" / "shop" / ".git").exists()
    assert git(monorepo, "status", "--porcelain") == STATUS
    changed = git(monorepo, "show", "--name-only", "--format=", "HEAD").splitlines()
    assert all(path.startswith("services/shop/") for path in changed)
    assert "services/shop/first.sql" in changed
    assert slipway(monorepo / "services" / "shop", "status").returncode == 0


def test_empty_repository_gets_first_commit(template: Path, place: Path) -> None:
    git(place, "init", "--quiet")
    write(place, {"other.txt": "1\n"})
    create(place, "shop", "--source", str(template))
    assert git(place, "status", "--porcelain") == "?? other.txt\n"


def test_ignored_directory_gets_own_repository(template: Path, monorepo: Path) -> None:
    create(monorepo, "build/shop", "--source", str(template))
    assert (monorepo / "build" / "shop" / ".git").is_dir()


def test_failing_hook_leaves_uncommitted_service(template: Path, monorepo: Path) -> None:
    hooks = monorepo.parent / "hooks"
    write(hooks, {"pre-commit": HOOK})
    (hooks / "pre-commit").chmod(0o755)
    completed = slipway(monorepo, "new", "shop", "--source", str(template), **settings("core.hooksPath", str(hooks)))
    assert completed.returncode == 1
    assert "no commit today" in completed.stderr
    assert "complete, but not committed" in completed.stderr
    [command] = [line.strip() for line in completed.stderr.splitlines() if line.startswith("  git -C")]
    subprocess.run(command, shell=True, cwd=monorepo, check=True, capture_output=True)  # noqa: S602 - as it is printed
    assert git(monorepo, "status", "--porcelain") == STATUS


def test_interruption_creates_nothing(template: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(new, "write", interrupt)
    monkeypatch.setattr("slipway.commands.new.signal.signal", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        new.create(new.Start(place / "shop", str(template)))
    assert [*place.iterdir()] == []
