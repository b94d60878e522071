"""Data classes of the catalogue, which describe a feature's files and its additions to shared files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Setting:
    """An environment variable of the service, as `.env.example` shows it."""

    name: str
    example: str
    meaning: str
    default: str | None = None  # of the service's settings class, in the form of the variable
    is_needed: bool = False  # production does not start without it
    is_secret: bool = False  # may contain a password, and is stored as a secret
    stand_in: str = ""  # its value in tests of production

    @property
    def value_comment(self) -> str:
        """Return the comment in `.env.example` that says whether the value is the default or an example."""
        if self.default == self.example:
            return f"Default: {self.default}."
        if self.default is not None:
            return f"Default: {self.default}; example:"
        return "Required in production; example:" if self.is_needed else "Unset by default; example:"


@dataclass(frozen=True, kw_only=True)
class Argument:
    """A positional argument of a command on the command line."""

    name: str
    meaning: str
    example: str


ADDRESS = Argument(name="email", meaning="e-mail address of the account", example="admin@example.com")


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of the service, implemented by a coroutine function whose arguments are strings."""

    name: str
    module: str
    function: str = ""  # of the module, if its name is not the command's
    takes: tuple[Argument, ...] = (ADDRESS,)
    meaning: str  # its docstring
    done: str  # its row in a table of commands
    is_for_people: bool = False  # it grants, sends, deletes or imports, so coding agents may not run it


@dataclass(frozen=True, kw_only=True)
class Process:
    """A long-running process besides the web server, such as a worker, started from the same image."""

    name: str  # of the command, the function, and the service in compose
    module: str
    meaning: str
    done: str
    grace: int  # seconds to stop after SIGTERM


@dataclass(frozen=True, kw_only=True)
class Step:
    """A shell command of the README's first steps, and the sentence that introduces it."""

    says: str
    command: str


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of `app dev`, such as `--db-port` with the name `db_port`, that the local database reads."""

    name: str
    type: str  # the function of `app/__main__.py` that parses it
    meaning: str


@dataclass(frozen=True)
class Column:
    """A column of a table in the first migration, with an SQLAlchemy type such as `String(length=40)`."""

    name: str
    type: str
    nullable: bool = False


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key to the `id` of another table, with an ON DELETE action such as `SET NULL`."""

    column: str
    target: str
    on_delete: str


@dataclass(frozen=True)
class Check:
    """A check constraint, with its SQL condition and its name without the prefix `ck_<table>_`."""

    condition: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table that the first migration creates.

    `indexes` lists columns, each of which gets a separate index.
    """

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ("id",)
    uniques: tuple[tuple[str, ...], ...] = ()
    checks: tuple[Check, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Container:
    """A server such as PostgreSQL that runs beside the service in `compose.yml` and in the CI test job.

    `{host}` in the values of `reached_by`, `tested_by` and `address` is replaced by the server's name.
    """

    image: str
    port: int
    environment: Mapping[str, str]
    data: str  # the directory of its volume
    user: str  # of the image, which owns that directory, so that the server needs no root privileges
    temporary: tuple[str, ...]  # further directories that it writes to
    healthcheck: str  # a command that succeeds once the server accepts connections
    reached_by: Mapping[str, str]  # environment variables of the service
    tested_by: Mapping[str, str]  # environment variables of its tests
    address: str = ""  # the value of the variables of features that connect to it
    tried_by: tuple[str, ...] = ()  # commands of the service that connect to it before the tests do


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A selectable part of a service, with its files and its additions to shared files.

    Attributes:
        requires: features that are added with this one.
        meets: features whose combination adds this one.
        replaces: features that this one replaces if their combination adds it.
        paths: files and directories (ending in `/`) that are rendered only with this feature. A path inside another
            feature's directory requires both features, and belongs to the feature that lists it.
        routes: the first URL path segments of its routes, below `/api/v1`.
        is_word: its name is a common word, which other files may use.
        installs: the module below `app` whose `install(app)` is called by `app/main.py`.
        watches: the `instrumented(run)` of that module wraps every command.
        arguments: arguments of `FastAPI`, each with the module whose `config()` returns the value.
        explains: the module or package that `docs/<name>.md` explains.
        guards: its routes declare authorization.
        signs_in: the test module whose `sign_in(client, session)` authenticates a client.
        plays: packages below `app`, each with the module of this feature that shared files import from it.
        counts: the module whose `count` returns the totals of lists, instead of `app.filtering`.
        beside: modules of `development` whose `beside()` runs servers for `app dev`, and sets variables to their URLs.
        database_options: options of `app dev` for its database.
        reaches: variables that `beside()` sets, each with the feature of the server.
        shows: the curl option that authenticates a client, in the README.
        runtime, test, lint: requirements (PEP 508).
        unimported: distributions in `runtime` that no module imports.
        environment: variables of the service's container.
        volumes: writable directories of the service's container, by volume name.
        built_with: variables of the service's image, each with the build argument that sets it.
        tested_with: variables of the tests.
        accepts: request headers that CORS allows.
        exposes: response headers that CORS exposes.
        tolerates: filters of warnings that tests ignore.
        processes: long-running processes from the same image.
        is_component: `deploy/kubernetes/components/<name>/` exists.
        listens: variables, each with the port that its process opens.
        guidance: one to three lines of `AGENTS.md`.
    """

    name: str
    summary: str
    requires: tuple[str, ...] = ()
    meets: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    is_word: bool = False
    installs: str = ""
    watches: bool = False
    arguments: Mapping[str, str] = field(default_factory=dict)
    explains: str = ""
    guards: bool = False
    signs_in: str = ""
    plays: Mapping[str, str] = field(default_factory=dict)
    counts: str = ""
    beside: tuple[str, ...] = ()
    database_options: tuple[Option, ...] = ()
    reaches: Mapping[str, str] = field(default_factory=dict)
    shows: str = ""
    first_steps: tuple[Step, ...] = ()
    commands: tuple[Command, ...] = ()
    processes: tuple[Process, ...] = ()
    tables: tuple[Table, ...] = ()
    runtime: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    lint: tuple[str, ...] = ()
    unimported: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    containers: Mapping[str, Container] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    built_with: Mapping[str, str] = field(default_factory=dict)
    tested_with: Mapping[str, str] = field(default_factory=dict)
    accepts: tuple[str, ...] = ()
    exposes: tuple[str, ...] = ()
    tolerates: tuple[str, ...] = ()
    is_component: bool = False
    listens: Mapping[str, int] = field(default_factory=dict)
    guidance: tuple[str, ...] = ()
