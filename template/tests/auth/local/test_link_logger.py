"""Links, where nothing sends mails."""

import pytest

from app.auth.local.link_logger import LinkLogger
from app.auth.local.one_time_links import LinkKind, OneTimeLink
from app.settings import Environment


@pytest.mark.parametrize("environment", Environment)
def test_only_the_log_of_development_shows_a_link(
    capsys: pytest.CaptureFixture[str], environment: Environment
) -> None:
    LinkLogger(environment).send(OneTimeLink("a@example.com", LinkKind.RESET, "token-1"))
    assert ("token-1" in capsys.readouterr().out) == (environment is Environment.DEVELOPMENT)
