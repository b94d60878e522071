"""About the service: whoever has signed in learns which versions run, and nobody else."""

from collections.abc import Generator

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app import about

URL = "/api/v1/about"


@pytest.fixture
def in_an_image(app: FastAPI) -> Generator[None, None, None]:
    """Have the service know of what its image was made."""
    kept, app.state.about = app.state.about, about.AboutSettings(template="v1.2.3")
    yield
    app.state.about = kept


@pytest.mark.usefixtures("in_an_image")
async def test_whoever_has_signed_in_learns_which_versions_run(
    client: AsyncClient, app: FastAPI
) -> None:
    told = await client.get(URL)
    assert told.json() == {"version": app.version, "template": "v1.2.3"}


async def test_outside_of_an_image_the_template_is_unknown(client: AsyncClient) -> None:
    assert (await client.get(URL)).json()["template"] is None


async def test_nobody_else_learns_it(client: AsyncClient) -> None:
    del client.headers["Authorization"]
    assert (await client.get(URL)).status_code == 401


def test_the_build_of_the_image_tells_the_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABOUT_TEMPLATE", "v1.2.3")
    app = FastAPI()
    about.install(app)
    assert app.state.about.template == "v1.2.3"
