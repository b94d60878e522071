"""Tests of the route that returns the versions of the service and its template."""

from collections.abc import Generator

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app import about

URL = "/api/v1/about"


@pytest.fixture
def image_build(app: FastAPI) -> Generator[None, None, None]:
    """Set the template version that a container image is built with."""
    original = about.ABOUT.get(app)
    about.ABOUT.set(app, about.AboutSettings(template="v1.2.3"))
    yield
    about.ABOUT.set(app, original)


@pytest.mark.usefixtures("image_build")
async def test_about_returns_service_and_template_versions(
    client: AsyncClient, app: FastAPI
) -> None:
    response = await client.get(URL)
    assert response.json() == {"version": app.version, "template": "v1.2.3"}


async def test_about_outside_container_image_returns_null_template(client: AsyncClient) -> None:
    assert (await client.get(URL)).json()["template"] is None


async def test_about_without_credentials_returns_401(client: AsyncClient) -> None:
    del client.headers["Authorization"]
    assert (await client.get(URL)).status_code == 401


def test_about_reads_template_version_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABOUT_TEMPLATE", "v1.2.3")
    app = FastAPI()
    about.install(app)
    assert about.ABOUT.get(app).template == "v1.2.3"
