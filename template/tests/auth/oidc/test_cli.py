"""What is done from the command line to users whom an identity provider knows."""

import pytest

from app.auth import admin
from app.auth.oidc import cli
from app.services import user


@pytest.mark.usefixtures("database_url")
async def test_an_administrator_is_made_before_they_come() -> None:
    said = await cli.create_admin("Root@Example.com")
    assert said == "root@example.com may do everything, once they sign in."
    async with admin.sessions() as made:
        found = await user.get_by_email(made, "root@example.com")
    assert found is not None
    assert found.role_id is not None
