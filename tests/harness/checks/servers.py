"""Start each server that services need, such as PostgreSQL, once for all services.

A service's module in `development/` starts the server.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import asyncpg

from extensions.slipway_template.catalogue import FEATURES
from tests.harness.delivery.socket_proxy import tcp_proxy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tests.harness.combinations.services import Service

# Runs the server of `development/<feature>.py` until the input closes.
LAUNCH = """\
import sys
from development.{feature} import temporary
with temporary() as url:
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


def required_servers(service: Service) -> set[str]:
    """Return the features of a service whose tests need a server."""
    return {feature for feature in VARIABLES if f"development/{feature}.py" in service.files}


@contextmanager
def running_server(feature: str, service: Service) -> Iterator[str]:
    """Run a feature's server while the context is active, and yield the server's URL."""
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
            assert url, f"{feature}: the server does not start"
            yield url
        finally:
            launcher.stdin.close()


async def create_role_and_database(url: str, variables: Mapping[str, str]) -> None:
    """Create the role and the database that PostgreSQL's container image would create."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE ROLE {variables['POSTGRES_USER']} SUPERUSER LOGIN")
    await connection.execute(f"CREATE DATABASE {variables['POSTGRES_DB']} OWNER {variables['POSTGRES_USER']}")
    await connection.close()


INITIALISERS = {"postgresql": create_role_and_database}  # by image; other images create nothing


def socket_path(url: str) -> Path:
    """Return the path of the Unix socket in a server's URL."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return Path(parts.path)
    return next(path for path in Path(parse_qs(parts.query)["host"][0]).iterdir() if path.is_socket())


@contextmanager
def service_container(name: str, service: Service) -> Iterator[int]:
    """Run a feature's server for one CI job, and yield its port."""
    with running_server(FEATURES_BY_CONTAINER[name], service) as url:
        if name in INITIALISERS:
            asyncio.run(INITIALISERS[name](url, CONTAINERS[name].environment))
        with tcp_proxy(socket_path(url)) as port:
            yield port


class Servers:
    """The shared server of each feature, started when the first service needs it.

    Args:
        features: Features whose servers are shared; tests of services start the others themselves.
    """

    def __init__(self, features: Collection[str] = VARIABLES) -> None:
        self.features = set(features)
        self.stack = ExitStack()
        self.urls: dict[str, str] = {}

    def close(self) -> None:
        self.stack.close()

    def variables(self, service: Service) -> dict[str, str]:
        """Return the environment variables that point the service's tests to the servers."""
        shared = required_servers(service) & self.features
        for feature in shared - self.urls.keys():
            self.urls[feature] = self.stack.enter_context(running_server(feature, service))
        return {VARIABLES[feature]: self.urls[feature] for feature in shared}
