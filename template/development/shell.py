"""Python prompt with a database session, the services, models and schemas, and with `await`."""

import ast
import asyncio
import inspect
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from fastapi import FastAPI
from ptpython.repl import embed
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app import migrate, routers, schemas, services
from app.database import SESSIONS
from app.main import create_app
from app.models import Base
from app.state import BACKGROUND_WORK
from development import commands

HISTORY = commands.LOCAL / "shell_history"
INTRODUCTION = """session    an AsyncSession: `await session.commit()` saves changes
services   {}
The models and schemas have their own names. Ctrl-D ends the prompt."""


def run() -> int:
    """Run a prompt on the database, or the program that standard input contains."""
    output = sys.stdout
    with redirect_stdout(sys.stderr), commands.database(), redirect_stdout(output):
        asyncio.run(interact())
    return 0


async def interact() -> None:
    """Start the application, and run the prompt or program with its names."""
    await migrate.ping()
    app = create_app()
    BACKGROUND_WORK.set(app, value=False)
    async with app.router.lifespan_context(app), SESSIONS.get(app)() as session:
        names = namespace(app, session)
        if sys.stdin.isatty():
            commands.LOCAL.mkdir(exist_ok=True)
            print(INTRODUCTION.format(", ".join(sorted(service_modules()))))
            await embed(names, return_asyncio_coroutine=True, history_filename=str(HISTORY))
        else:
            await execute(sys.stdin.read(), names)


async def execute(program: str, names: dict[str, Any]) -> None:
    """Run a program, which may contain `await` outside functions."""
    code = compile(program, "<stdin>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)  # noqa: S307 - the program is the developer's own
    if inspect.isawaitable(result):
        await result


def namespace(app: FastAPI, session: AsyncSession) -> dict[str, Any]:
    """Return the names of the prompt."""
    return {
        **{mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers},
        **dict(schema_classes()),
        **service_modules(),
        "app": app,
        "select": select,
        "session": session,
    }


def service_modules() -> dict[str, ModuleType]:
    """Return the modules of services by the names under which the routers import them."""
    modules = {module.__name__.rpartition(".")[2]: module for module in modules_of(services)}
    aliases = {
        value: name
        for router in modules_of(routers)
        for name, value in vars(router).items()
        if value in modules.values()
    }
    return {aliases.get(module, name): module for name, module in modules.items()}


def schema_classes() -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the classes of all schemas with their names."""
    for module in modules_of(schemas):
        for name, value in vars(module).items():
            if inspect.isclass(value) and issubclass(value, BaseModel):
                yield name, value


def modules_of(package: ModuleType) -> list[ModuleType]:
    """Import and return the modules of a package."""
    prefix = f"{package.__name__}."
    return [import_module(found.name) for found in iter_modules(package.__path__, prefix)]
