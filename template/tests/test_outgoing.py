"""Links, where nothing sends mails."""

import pytest

from app.letters import Letter, OneTimeLink
from app.outgoing import Shown
from app.settings import Environment


@pytest.mark.parametrize("environment", Environment)
def test_only_the_log_of_development_shows_a_link(
    capsys: pytest.CaptureFixture[str], environment: Environment
) -> None:
    Shown(environment).send(OneTimeLink("a@example.com", Letter.RESET, "token-1"))
    assert ("token-1" in capsys.readouterr().out) == (environment is Environment.DEVELOPMENT)
