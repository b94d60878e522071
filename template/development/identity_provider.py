"""An identity provider for development and tests, which believes whatever address it is given.

It speaks what is asked of a real one: discovery, keys that change, the authorization code flow with
PKCE (RFC 7636), userinfo. It listens to this machine only, and forgets its keys when it stops.
"""

import os
import socket
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from html import escape
from pathlib import Path
from string import Template
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from httpx2 import AsyncClient, HTTPError
from jwt.algorithms import ECAlgorithm
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from app import settings
from app.auth.oidc.provider import WELL_KNOWN

HOST, PORT = "127.0.0.1", 9000
LIFETIME = 3600  # seconds
ALGORITHM = "ES256"
ADDRESS = Path(__file__).resolve().parent.parent / ".dev" / "issuer"  # a file that names it
PAGE = Template("""<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in</title>
<style>body { font: 1rem system-ui; max-width: 24rem; margin: 20vh auto }
input, button { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem }</style>
<h1>Sign in</h1><p>This is for development: any address will do.</p>
<form method="post"><input type="hidden" name="asked" value="$asked">
<label>Address <input name="email" type="email" value="admin@example.com" required></label>
<p><button autofocus>Sign in</button></p></form></html>
""")

Claims = dict[str, Any]


class Key:
    """A private key, and the name by which its tokens say that it signed them."""

    def __init__(self) -> None:
        self.name = uuid4().hex[:8]
        self.private = ec.generate_private_key(ec.SECP256R1())

    def published(self) -> Claims:
        """Give its public part (RFC 7517)."""
        members = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**members, "kid": self.name, "use": "sig", "alg": ALGORITHM}


class Issuer:
    """A provider that runs in a thread, and what it remembers."""

    def __init__(self) -> None:
        self.url = ""
        self.key = Key()
        self.codes: dict[str, Mapping[str, str]] = {}
        self.asked = 0  # times for its keys
        self.says: Claims = {}  # of anybody, whatever their token says

    def rotate(self) -> None:
        """Sign with another key from now on, and publish the old one no more."""
        self.key = Key()

    def token(self, email: str | None, **claims: object) -> str:
        """Sign a token about whoever has an address; None leaves a claim out."""
        moment = int(time.time())
        told = {
            "iss": self.url,
            "sub": sha256(str(email).encode()).hexdigest()[:16],
            "aud": "app",
            "iat": moment,
            "exp": moment + LIFETIME,
            "email": email,
            "email_verified": True,
            **claims,
        }
        kept = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(kept, self.key.private, ALGORITHM, {"kid": self.key.name})

    @contextmanager
    def running(self, port: int = 0) -> Generator[None, None, None]:
        """Listen, on a free port unless one is named, until the context ends."""
        with socket.create_server((HOST, port)) as listener:
            self.url = f"http://{HOST}:{listener.getsockname()[1]}"
            config = uvicorn.Config(self.app(), lifespan="off", log_config=None, access_log=False)
            config.load()  # imports in this thread: two that import alike can meet half a module
            server = uvicorn.Server(config)
            thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
            thread.start()
            try:
                wait_until_started(server, thread)
                yield
            finally:
                server.should_exit = True
                thread.join()

    def app(self) -> Starlette:
        """Build what answers; pages of any origin may ask."""
        routes = [
            Route(WELL_KNOWN, self.describe),
            Route("/keys", self.show_keys),
            Route("/authorize", self.ask, methods=["GET"]),
            Route("/authorize", self.send_back, methods=["POST"]),
            Route("/token", self.exchange, methods=["POST"]),
            Route("/userinfo", self.tell),
        ]
        anybody = Middleware(
            CORSMiddleware, allow_origins=["*"], allow_headers=["*"], allow_methods=["*"]
        )
        return Starlette(routes=routes, middleware=[anybody])

    async def describe(self, _: Request) -> Response:
        """Say what there is (OpenID Connect Discovery 1.0, section 3)."""
        places = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "userinfo_endpoint": "userinfo",
            "jwks_uri": "keys",
        }
        told: Claims = {name: f"{self.url}/{path}" for name, path in places.items()}
        told |= {"issuer": self.url, "scopes_supported": ["openid", "email", "profile"]}
        told |= {"response_types_supported": ["code"], "subject_types_supported": ["public"]}
        told |= {"grant_types_supported": ["authorization_code"]}
        told |= {"id_token_signing_alg_values_supported": [ALGORITHM]}
        return JSONResponse(told | {"code_challenge_methods_supported": ["S256"]})

    async def show_keys(self, _: Request) -> Response:
        """Publish the key that signs now."""
        self.asked += 1
        return JSONResponse({"keys": [self.key.published()]})

    async def ask(self, request: Request) -> Response:
        """Ask who it is."""
        return HTMLResponse(PAGE.substitute(asked=escape(str(request.query_params))))

    async def send_back(self, request: Request) -> Response:
        """Send the browser back with a code, which is good once."""
        given = dict(parse_qsl((await request.body()).decode()))
        asked = dict(parse_qsl(given["asked"]))
        code = uuid4().hex
        self.codes[code] = {**asked, "email": given["email"].lower()}
        told = urlencode({"code": code, "state": asked.get("state", "")})
        return RedirectResponse(f"{asked['redirect_uri']}?{told}", 303)

    async def exchange(self, request: Request) -> Response:
        """Give a token for a code and the proof whose it is; or for an address, to `app token`."""
        given = dict(parse_qsl((await request.body()).decode()))
        if given.get("grant_type") == "password":
            return self._granted(given["username"], "app")
        code = self.codes.pop(given.get("code", ""), {})
        summed = sha256(given.get("code_verifier", "").encode()).digest()
        challenge = urlsafe_b64encode(summed).decode().rstrip("=")
        if code.get("code_challenge") != challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return self._granted(code["email"], code.get("audience", "app"))

    def _granted(self, email: str, audience: str) -> Response:
        token = self.token(email, aud=audience)
        told = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME}
        return JSONResponse(told | {"id_token": token})

    async def tell(self, request: Request) -> Response:
        """Say whose token it is (OpenID Connect Core 1.0, section 5.3)."""
        _, _, token = request.headers.get("Authorization", "").partition(" ")
        claims = jwt.decode(token, options={"verify_signature": False})
        guessed = {"email_verified": True, "email": f"{claims['sub']}@example.com"}
        return JSONResponse(guessed | claims | self.says)


def wait_until_started(server: uvicorn.Server, thread: Thread) -> None:
    """Wait until a server in a thread accepts connections.

    Raises:
        ChildProcessError: its thread has ended, and has printed why.
    """
    while not server.started:
        if not thread.is_alive():
            message = "The identity provider did not start; its traceback says why."
            raise ChildProcessError(message)
        time.sleep(0.01)


class GivenSettings(settings.EnvironmentSettings):
    """A provider that is given needs no other."""

    oidc_issuer: str = ""


@contextmanager
def beside() -> Generator[None, None, None]:
    """Name a provider in the environment: the one that is given, else one of our own."""
    if settings.read(GivenSettings).oidc_issuer:
        print("Sign-in    the provider that OIDC_ISSUER names")
        yield
        return
    issuer = Issuer()
    with issuer.running(_free()):
        ADDRESS.parent.mkdir(exist_ok=True)
        ADDRESS.write_text(issuer.url)
        print(f"Sign-in    {issuer.url}, which believes any address")
        os.environ["OIDC_ISSUER"] = issuer.url
        yield
    ADDRESS.unlink(missing_ok=True)


def _free() -> int:
    """Choose the port that everybody knows, or any where it is taken."""
    try:
        socket.create_server((HOST, PORT)).close()
    except OSError:
        return 0
    return PORT


async def token(email: str) -> str:
    """Print a token of the provider of `app dev`, to try the API with."""
    try:
        async with AsyncClient(base_url=ADDRESS.read_text()) as client:
            form = {"grant_type": "password", "username": email}
            found: str = (await client.post("/token", data=form)).json()["access_token"]
    except (OSError, HTTPError):
        sys.exit("Only the provider of `app dev` gives tokens like this, and it does not run.")
    return found
