"""`slipway new` either creates a committed service that can be updated, or creates nothing."""

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
    """A clone of the template without tags."""
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
    """Return the error of a rejected command, which must be one line."""
    assert completed.returncode == 2, completed.stderr
    assert completed.stderr.count("\n") == 1, completed.stderr
    return completed.stderr


# ── The service ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_new_service_equals_copier_copy_output(template: Path, place: Path) -> None:
    create(place, "ours", "--source", str(template), "--data", "project=Bar", "--no-git")
    copied = copier(
        "copy", "--trust", "--defaults", "--data", "project=Bar", str(template), str(place / "copy"), directory=place
    )
    assert copied.returncode == 0, copied.stderr
    assert tree(place / "ours") == tree(place / "copy")


def test_new_service_from_newest_tag_is_committed_on_main(template: Path, place: Path) -> None:
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


def test_new_with_version_and_answers_records_them(template: Path, place: Path) -> None:
    write(place, {"answers.yml": "project: Café\n"})
    options = ("--to", FIRST, "--data-file", "answers.yml", "--data", "cache=false")
    report = create(place, "shop", "--source", str(template), *options)
    assert report["version"] == FIRST
    assert record(place / "shop") == {"_commit": FIRST, "_src_path": str(template), "project": "Café", "cache": False}
    assert not (place / "shop" / "app" / "cache.py").exists()


def test_new_prints_next_commands_for_current_directory(template: Path, place: Path) -> None:
    completed = slipway(place, "new", "deep/my shop", "--source", str(template))
    assert completed.returncode == 0, completed.stderr
    block = [line.strip() for line in completed.stdout.splitlines() if line.startswith("  ")]
    assert block[:2] == ["cd 'deep/my shop'", "uv run app dev"]
    assert block[2].startswith("uv run slipway.py add resource order ")
    assert git(place / "deep" / "my shop", "status", "--porcelain") == ""


def test_new_in_empty_current_directory_succeeds(template: Path, place: Path) -> None:
    (place / "shop").mkdir()
    completed = slipway(place / "shop", "new", ".", "--source", str(template))
    assert completed.returncode == 0, completed.stderr
    assert "cd " not in completed.stdout
    assert git(place / "shop", "status", "--porcelain") == ""


def test_new_with_no_git_option_creates_no_repository(template: Path, place: Path) -> None:
    report = create(place, "shop", "--source", str(template), "--no-git", GIT_CONFIG_GLOBAL=os.devnull)
    assert report["commit"] is None
    assert not (place / "shop" / ".git").exists()


def test_new_commits_on_configured_default_branch(template: Path, place: Path) -> None:
    create(place, "shop", "--source", str(template), **settings("init.defaultBranch", "trunk"))
    assert git(place / "shop", "branch", "--show-current") == "trunk\n"


def settings(*pairs: str) -> dict[str, str]:
    """Return environment variables that configure Git."""
    variables = {"GIT_CONFIG_COUNT": str(len(pairs) // 2)}
    for number, (key, value) in enumerate(zip(pairs[::2], pairs[1::2], strict=True)):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


# ── The source ────────────────────────────────────────────────────────────────────────────────────────────────────────
def assert_updatable(service: Path, repository: Path, **variables: str) -> None:
    """Assert that a service is up to date, and that an update adds a new file of the template."""
    completed = slipway(service, "status", **variables)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    write(repository, {"template/news.md": "# News\n"})
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "Add news")
    completed = slipway(service, "update", "--to", "main", "--no-checks", **variables)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert (service / "news.md").is_file()


@pytest.mark.parametrize("source", [".", "../template", "{}", "file://{}", "git+file://{}"])
def test_service_from_local_clone_can_be_updated(source: str, clone: Path, place: Path) -> None:
    create(clone, "../shop", "--source", source.format(clone))
    assert record(place / "shop")["_src_path"] == str(clone)
    assert_updatable(place / "shop", clone)


@pytest.mark.parametrize("source", ["bare.git", "{}"])
def test_new_from_bare_repository_records_path(source: str, clone: Path, place: Path) -> None:
    git(place, "clone", "--quiet", "--bare", str(clone), "bare.git")
    create(place, "shop", "--source", source.format(place / "bare.git"))
    assert record(place / "shop")["_src_path"] == str(place / "bare.git")
    git(clone, "remote", "set-url", "--push", "origin", str(place / "bare.git"))
    assert slipway(place / "shop", "status").returncode == 0


def test_new_from_published_clone_records_origin_url(template: Path, clone: Path, place: Path) -> None:
    git(place, "clone", "--quiet", "--bare", str(template), "hosted.git")
    reachable = settings(f"url.{place / 'hosted.git'}.insteadOf", HOSTED)
    git(clone, "remote", "set-url", "origin", HOSTED)
    create(clone, "../shop", "--source", ".", **reachable)
    assert record(place / "shop")["_src_path"] == HOSTED
    assert slipway(place / "shop", "status", "--to", "main", **reachable).returncode == 0


def test_new_from_unpublished_commit_records_clone_path(clone: Path, place: Path) -> None:
    git(clone, "remote", "set-url", "origin", HOSTED)
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "Unpublished")
    create(clone, "../shop", "--source", ".")
    assert record(place / "shop")["_src_path"] == str(clone)


def test_new_from_template_without_tags_uses_head(clone: Path, place: Path) -> None:
    report = create(place, "shop", "--source", "template")
    assert git(clone, "rev-parse", "HEAD").startswith(report["version"])
    assert_updatable(place / "shop", clone)


def test_new_from_template_with_uncommitted_changes_is_rejected(clone: Path, place: Path) -> None:
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
def test_default_source_is_installed_package_source(
    about: dict[str, Any], expected: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new, "distribution", lambda _: Installed(json.dumps(about)))
    assert new.installed_source() == expected


@pytest.mark.parametrize("text", [None, '{"url": "https://host/slipway.whl", "archive_info": {}}'])
def test_package_installed_from_index_requires_source_option(text: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_new_in_nonempty_directory_is_rejected(template: Path, place: Path) -> None:
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
def test_new_with_invalid_options_creates_nothing(
    options: tuple[str, ...], message: str, template: Path, place: Path
) -> None:
    assert message in rejected(slipway(place, "new", "shop", "--source", str(template), *options))
    assert [*place.iterdir()] == []


def test_new_from_directory_without_template_is_rejected(place: Path) -> None:
    write(place, {"other/README.md": "No template\n"})
    commit_all(place / "other", "v1.0.0")
    assert "has no copier.yml" in rejected(slipway(place, "new", "shop", "--source", "other"))
    assert not (place / "shop").exists()


def test_new_without_git_identity_is_rejected(template: Path, place: Path) -> None:
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull} | settings("user.useConfigOnly", "true")
    error = rejected(slipway(place, "new", "shop", "--source", str(template), **nobody))
    assert "git config --global user.name" in error
    assert "--no-git" in error
    assert [*place.iterdir()] == []


def test_new_with_failing_commit_signature_is_rejected(template: Path, place: Path) -> None:
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


def test_new_in_repository_commits_only_the_service(template: Path, monorepo: Path) -> None:
    create(monorepo, "services/shop", "--source", str(template))
    assert not (monorepo / "services" / "shop" / ".git").exists()
    assert git(monorepo, "status", "--porcelain") == STATUS
    changed = git(monorepo, "show", "--name-only", "--format=", "HEAD").splitlines()
    assert all(path.startswith("services/shop/") for path in changed)
    assert "services/shop/first.sql" in changed
    assert slipway(monorepo / "services" / "shop", "status").returncode == 0


def test_new_in_repository_without_commits_creates_first_commit(template: Path, place: Path) -> None:
    git(place, "init", "--quiet")
    write(place, {"other.txt": "1\n"})
    create(place, "shop", "--source", str(template))
    assert git(place, "status", "--porcelain") == "?? other.txt\n"


def test_new_in_ignored_directory_creates_own_repository(template: Path, monorepo: Path) -> None:
    create(monorepo, "build/shop", "--source", str(template))
    assert (monorepo / "build" / "shop" / ".git").is_dir()


def test_new_with_failing_hook_leaves_service_uncommitted(template: Path, monorepo: Path) -> None:
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


def test_interrupted_new_creates_nothing(template: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(new, "write", interrupt)
    monkeypatch.setattr("slipway.commands.new.signal.signal", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        new.create(new.Start(place / "shop", str(template)))
    assert [*place.iterdir()] == []
