"""The servers that services need, run once for all of them, by what the services themselves bring for development."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import asyncpg

from extensions.catalogue import FEATURES
from tests.harness.delivery.socket_proxy import tcp_proxy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tests.harness.combinations.services import Service

# `development/<feature>.py` of a service whose feature asks for a server; it runs until its input ends.
LAUNCH = """\
import sys
from development.{feature} import throwaway
with throwaway() as url:
    print(url, flush=True)
    sys.stdin.read()
"""
CONTAINERS = {name: container for feature in FEATURES for name, container in feature.containers.items()}
FEATURES_BY_CONTAINER = {name: feature.name for feature in FEATURES for name in feature.containers}
VARIABLES = {
    feature.name: variable
    for feature in FEATURES
    for container in feature.containers.values()
    for variable in container.tested_by
}


def needed(service: Service) -> set[str]:
    """Name the features of a service that ask for a server."""
    return {feature for feature in VARIABLES if f"development/{feature}.py" in service.files}


@contextmanager
def running(feature: str, service: Service) -> Iterator[str]:
    """Run the server of a feature, and give its address."""
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCH.format(feature=feature)],
        cwd=service.directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as launcher:
        assert launcher.stdin
        assert launcher.stdout
        try:
            url = launcher.stdout.readline().strip()
            assert url, f"{feature}: its server does not start"
            yield url
        finally:
            launcher.stdin.close()


async def furnish_postgresql(url: str, wanted: Mapping[str, str]) -> None:
    """Make the user and the database that PostgreSQL's image makes, by the image's own variables."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE ROLE {wanted['POSTGRES_USER']} SUPERUSER LOGIN")
    await connection.execute(f"CREATE DATABASE {wanted['POSTGRES_DB']} OWNER {wanted['POSTGRES_USER']}")
    await connection.close()


FURNISH = {"postgresql": furnish_postgresql}  # what an image makes of its variables; others have none


def behind(url: str) -> Path:
    """Find the socket of a server by its URL, which names it or the directory in which it stands."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return Path(parts.path)
    return next(path for path in Path(parse_qs(parts.query)["host"][0]).iterdir() if path.is_socket())


@contextmanager
def beside(name: str, service: Service) -> Iterator[int]:
    """Run a server as a pipeline does, of its own for each job, and give its port."""
    with running(FEATURES_BY_CONTAINER[name], service) as url:
        if name in FURNISH:
            asyncio.run(FURNISH[name](url, CONTAINERS[name].environment))
        with tcp_proxy(behind(url)) as port:
            yield port


class Servers:
    """The servers of this run, by feature; each begins when the first service asks for it.

    Some features' only, if they are named: the tests of a service that finds no server of another one start their own.
    """

    def __init__(self, features: Collection[str] = VARIABLES) -> None:
        self.features = set(features)
        self.stack = ExitStack()
        self.urls: dict[str, str] = {}

    def close(self) -> None:
        self.stack.close()

    def variables(self, service: Service) -> dict[str, str]:
        """Name the servers as the service's tests know them."""
        shared = needed(service) & self.features
        for feature in shared - self.urls.keys():
            self.urls[feature] = self.stack.enter_context(running(feature, service))
        return {VARIABLES[feature]: self.urls[feature] for feature in shared}
