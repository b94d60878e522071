"""Tests of the migration from one role per user, `users.role_id`, to several."""

import shutil
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app.migrate import config, locked
from app.models.base import now
from app.models.user import EVERYTHING, Role, User, UserRole
from app.settings import ROOT
from development import revisions


def revise(connection: Connection, directory: Path) -> None:
    """Generate a revision from the models, as `app revision` does, and run it."""
    alembic = config(connection)
    alembic.set_main_option("path_separator", "os")
    alembic.set_main_option("version_locations", str(directory))
    assert not revisions.write(alembic, "upgrade")
    command.upgrade(alembic, "head")
    command.check(alembic)


@pytest.mark.usefixtures("database_url")
async def test_generated_migration_copies_role_of_each_user(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "migrations" / "versions", tmp_path / "versions")
    async with locked() as connection:
        session = AsyncSession(connection, expire_on_commit=False)
        roles = [Role(name="admin", permissions=[EVERYTHING]), Role(name="x", permissions=["x:y"])]
        session.add_all(roles)
        await session.flush()
        for name, role, deleted in (
            *(("admin", roles[0].id, None), ("clerk", roles[1].id, None)),
            *(("nobody", None, None), ("deleted", roles[0].id, now())),
        ):
            session.add(User(email=f"{name}@example.com", role_id=role, deleted_at=deleted))
        await session.flush()
        await session.execute(delete(UserRole))
        for change in ("DROP TABLE user_roles", "ALTER TABLE users DROP COLUMN name"):
            await session.execute(text(change))
        session.expunge_all()
        await connection.run_sync(revise, tmp_path / "versions")
        statement = select(User).options(joinedload(User.roles)).order_by(User.email)
        users = (await session.scalars(statement)).unique().all()
        assert [(user.email.split("@")[0], sorted(user.permissions)) for user in users] == [
            *(("admin", [EVERYTHING]), ("clerk", ["x:y"])),
            *(("deleted", []), ("nobody", [])),
        ]
        await session.close()
