"""An update from a release without `read` changes nobody's access by a token or without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tests.harness.combinations.domains import EXAMPLES
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import render, update
from tests.harness.updates.releases import NEXT, releases
from tests.harness.workspace import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.domains import Domain
    from tests.harness.updates.releases import Release

pytestmark = [pytest.mark.thorough, pytest.mark.weekly]

BEFORE: Release = next(release for release in releases() if release.version == "0.4.0")
TRACKER: Domain = EXAMPLES["tracker"]["resources"]
ROUTER = "app/routers/team.py"
GUARD = "dependencies=[SIGNED_IN]"


def updated(history: Path, service: Path, auth: str) -> tuple[str, str]:
    """Return the router of a resource before and after an update of a service."""
    answers = BEFORE.restrict(all_questions().default | {"resources": TRACKER, "auth": auth})
    render(history, service, answers, BEFORE.tag)
    commit(service, "start")
    before = (service / ROUTER).read_text(encoding="utf-8")
    update(service, {}, NEXT)
    assert git(service, "diff", "--name-only", "--diff-filter=U") == ""
    record = yaml.safe_load((service / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert record["resources"] == answers["resources"]
    return before, (service / ROUTER).read_text(encoding="utf-8")


@pytest.mark.parametrize("auth", ["local", "oidc"])
def test_update_from_0_4_leaves_reads_to_accounts(auth: str, history: Path, empty: Path) -> None:
    before, after = updated(history, empty, auth)
    assert f'APIRouter(prefix="/teams", tags=["teams"], {GUARD})' in before
    assert 'READ = signed_in_or_key("teams:read", "teams:write")' in after
    assert 'APIRouter(prefix="/teams", tags=["teams"], dependencies=[READ])' in after
    page = (empty / "docs/auth.md").read_text(encoding="utf-8")
    assert "A stranger, who has no account, can read no resource." in page


def test_update_from_0_4_without_accounts_leaves_reads_public(history: Path, empty: Path) -> None:
    before, after = updated(history, empty, "none")
    assert 'APIRouter(prefix="/teams", tags=["teams"])' in before
    assert 'APIRouter(prefix="/teams", tags=["teams"])' in after
