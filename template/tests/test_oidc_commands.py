"""What is done from the command line to users whom an identity provider knows."""

import pytest

from app import administration, oidc_commands
from app.services import user


@pytest.mark.usefixtures("database_url")
async def test_an_administrator_is_made_before_they_come() -> None:
    said = await oidc_commands.create_admin("Root@Example.com")
    assert said == "root@example.com may do everything, once they sign in."
    async with administration.sessions() as made:
        found = await user.named(made, "root@example.com")
    assert found is not None
    assert found.role_id is not None
