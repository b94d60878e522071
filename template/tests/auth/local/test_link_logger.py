"""Tests of one-time links in a service without e-mail, which logs the links."""

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.local.link_logger import LinkLogger
from app.auth.local.notices import Notice, NoticeKind
from app.auth.local.one_time_links import LinkKind, OneTimeLink
from app.settings import Environment


@pytest.mark.parametrize("environment", Environment)
def test_one_time_link_is_logged_in_development_only(
    capsys: pytest.CaptureFixture[str], environment: Environment
) -> None:
    LinkLogger(environment).send(OneTimeLink("a@example.com", LinkKind.RESET, "token-1"))
    assert ("token-1" in capsys.readouterr().out) == (environment is Environment.DEVELOPMENT)


@pytest.mark.parametrize("environment", Environment)
def test_notice_is_logged_in_development_only(
    capsys: pytest.CaptureFixture[str], environment: Environment
) -> None:
    notice = Notice("a@example.com", NoticeKind.PASSWORD_CHANGED)
    LinkLogger(environment).notify(notice, AsyncSession())
    assert ("a@example.com" in capsys.readouterr().out) == (environment is Environment.DEVELOPMENT)
