"""The servers that services need, run once for all of them, by what the services themselves bring for development."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from extensions.catalogue import FEATURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.services import Service

# `development/<feature>.py` of a service whose feature asks for a server; it runs until its input ends.
LAUNCH = """\
import sys
from development.{feature} import throwaway
with throwaway() as url:
    print(url, flush=True)
    sys.stdin.read()
"""
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


class Servers:
    """The servers of this run, by feature; each begins when the first service asks for it."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.urls: dict[str, str] = {}

    def variables(self, service: Service) -> dict[str, str]:
        """Name the servers as the service's tests know them."""
        for feature in needed(service) - self.urls.keys():
            self.urls[feature] = self.stack.enter_context(running(feature, service))
        return {VARIABLES[feature]: self.urls[feature] for feature in needed(service)}
