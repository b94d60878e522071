"""OpenID Connect provider for development and tests, where any e-mail address can log in.

It implements discovery, JWKS with key rotation, the authorization code flow with PKCE (RFC 7636)
and userinfo. It listens on the loopback interface only, and holds its keys in memory.
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
LIFETIME = 3600  # seconds of a token
ALGORITHM = "ES256"
AUDIENCE = "api"  # of access tokens; that of ID tokens is the client
CLIENT_ID = "app"
URL_FILE = Path(__file__).resolve().parent.parent / ".dev" / "issuer"  # read by `app token`
LOGIN_PAGE = Template("""<!doctype html><html lang="en"><meta charset="utf-8"><title>Log in</title>
<style>body { font: 1rem system-ui; max-width: 24rem; margin: 20vh auto }
input, button { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem }</style>
<h1>Log in</h1><p>Development only: any e-mail address is accepted, without a password.</p>
<form method="post"><input type="hidden" name="parameters" value="$parameters">
<label>E-mail <input name="email" type="email" value="admin@example.com" required></label>
<p><button autofocus>Log in</button></p></form></html>
""")

Claims = dict[str, Any]


class SigningKey:
    """A private signing key and its key ID (header `kid`)."""

    def __init__(self) -> None:
        self.name = uuid4().hex[:8]
        self.private = ec.generate_private_key(ec.SECP256R1())

    def public_jwk(self) -> Claims:
        """Return the public key as a JSON Web Key (RFC 7517)."""
        members = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**members, "kid": self.name, "use": "sig", "alg": ALGORITHM}


class IdentityProvider:
    """An OpenID Connect provider that runs in a thread and stores its state in memory."""

    def __init__(self) -> None:
        self.url = ""
        self.key = SigningKey()
        self.codes: dict[str, Mapping[str, str]] = {}  # authorization requests by code
        self.key_requests = 0
        self.userinfo_requests = 0
        self.userinfo_claims: Claims = {}  # override those of the token
        self.userinfo_status = 200

    def rotate_key(self) -> None:
        """Replace the signing key, and publish only the new one."""
        self.key = SigningKey()

    def token(
        self, email: str | None, header: Mapping[str, Any] | None = None, /, **claims: object
    ) -> str:
        """Return a signed access token (RFC 9068) for a user.

        `header` and `claims` replace those of the token. Claims whose value is None are omitted.
        """
        issued_at = int(time.time())
        values = {
            "iss": self.url,
            "sub": sha256(str(email).encode()).hexdigest()[:16],
            "aud": AUDIENCE,
            "client_id": CLIENT_ID,
            "iat": issued_at,
            "exp": issued_at + LIFETIME,
            "email": email,
            "email_verified": True,
            **claims,
        }
        payload = {name: value for name, value in values.items() if value is not None}
        headers = {"kid": self.key.name, "typ": "at+jwt", **(header or {})}
        return jwt.encode(payload, self.key.private, ALGORITHM, headers)

    def id_token(self, email: str, **claims: object) -> str:
        """Return a signed ID token for a user (OpenID Connect Core 1.0, section 2)."""
        claims = {"aud": CLIENT_ID, "client_id": None, "azp": CLIENT_ID, "at_hash": "x", **claims}
        return self.token(email, {"typ": "JWT"}, **claims)

    @contextmanager
    def running(self, port: int = 0) -> Generator[None, None, None]:
        """Serve until the context ends, by default on any free port."""
        with socket.create_server((HOST, port)) as listener:
            self.url = f"http://{HOST}:{listener.getsockname()[1]}"
            config = uvicorn.Config(self.app(), lifespan="off", log_config=None, access_log=False)
            config.load()  # in this thread: concurrent imports may see a partial module
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
        """Return the provider's web application, which allows CORS since /docs requests tokens."""
        routes = [
            Route(WELL_KNOWN, self.discovery),
            Route("/keys", self.jwks),
            Route("/authorize", self.show_login, methods=["GET"]),
            Route("/authorize", self.authorize, methods=["POST"]),
            Route("/token", self.exchange, methods=["POST"]),
            Route("/userinfo", self.userinfo),
        ]
        cors = Middleware(
            CORSMiddleware, allow_origins=["*"], allow_headers=["*"], allow_methods=["*"]
        )
        return Starlette(routes=routes, middleware=[cors])

    async def discovery(self, _: Request) -> Response:
        """Return the provider metadata (OpenID Connect Discovery 1.0, section 3)."""
        paths = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "userinfo_endpoint": "userinfo",
            "jwks_uri": "keys",
        }
        metadata: Claims = {name: f"{self.url}/{path}" for name, path in paths.items()}
        metadata |= {
            "issuer": self.url,
            "scopes_supported": ["openid", "email", "profile"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "grant_types_supported": ["authorization_code"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "code_challenge_methods_supported": ["S256"],
        }
        return JSONResponse(metadata)

    async def jwks(self, _: Request) -> Response:
        """Return the current public key as a JSON Web Key Set."""
        self.key_requests += 1
        return JSONResponse({"keys": [self.key.public_jwk()]})

    async def show_login(self, request: Request) -> Response:
        """Return the HTML login page."""
        return HTMLResponse(LOGIN_PAGE.substitute(parameters=escape(str(request.query_params))))

    async def authorize(self, request: Request) -> Response:
        """Redirect to the client with an authorization code that works once."""
        form = dict(parse_qsl((await request.body()).decode()))
        parameters = dict(parse_qsl(form["parameters"]))
        code = uuid4().hex
        self.codes[code] = {**parameters, "email": form["email"].lower()}
        query = urlencode({"code": code, "state": parameters.get("state", "")})
        return RedirectResponse(f"{parameters['redirect_uri']}?{query}", 303)

    async def exchange(self, request: Request) -> Response:
        """Return a token for an authorization code with PKCE, or by password grant (`app token`).

        The password of the latter is not checked.
        """
        form = dict(parse_qsl((await request.body()).decode()))
        if form.get("grant_type") == "password":
            return self._token_response(form["username"], {})
        code = self.codes.pop(form.get("code", ""), {})
        verifier_digest = sha256(form.get("code_verifier", "").encode()).digest()
        challenge = urlsafe_b64encode(verifier_digest).decode().rstrip("=")
        if code.get("code_challenge") != challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return self._token_response(code["email"], code)

    def _token_response(self, email: str, request: Mapping[str, str]) -> Response:
        client = request.get("client_id", CLIENT_ID)
        token = self.token(email, aud=request.get("audience", AUDIENCE), client_id=client)
        response = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME}
        id_token = self.id_token(email, aud=client, azp=client, nonce=request.get("nonce"))
        return JSONResponse(response | {"id_token": id_token})

    async def userinfo(self, request: Request) -> Response:
        """Return the userinfo claims of a bearer token (OpenID Connect Core 1.0, section 5.3)."""
        _, _, token = request.headers.get("Authorization", "").partition(" ")
        self.userinfo_requests += 1
        claims = jwt.decode(token, options={"verify_signature": False})
        defaults = {"email_verified": True, "email": f"{claims['sub']}@example.com"}
        return JSONResponse(defaults | claims | self.userinfo_claims, self.userinfo_status)


def wait_until_started(server: uvicorn.Server, thread: Thread) -> None:
    """Wait until a server that runs in a thread accepts connections.

    Raises:
        ChildProcessError: the thread has ended, after it printed a traceback.
    """
    while not server.started:
        if not thread.is_alive():
            message = "The identity provider did not start. See the traceback above."
            raise ChildProcessError(message)
        time.sleep(0.01)


class ExternalProviderSettings(settings.EnvironmentSettings):
    """Setting of an external issuer, which replaces the development provider."""

    oidc_issuer: str = ""


@contextmanager
def beside() -> Generator[None, None, None]:
    """Run the development provider, unless `OIDC_ISSUER` names an external one.

    Set `OIDC_ISSUER` to the URL of the provider that runs.
    """
    if settings.read(ExternalProviderSettings).oidc_issuer:
        print("Login      by the provider of OIDC_ISSUER")
        yield
        return
    provider = IdentityProvider()
    with provider.running(_available_port()):
        URL_FILE.parent.mkdir(exist_ok=True)
        URL_FILE.write_text(provider.url)
        print(f"Login      {provider.url} (accepts any e-mail address)")
        os.environ["OIDC_ISSUER"] = provider.url
        yield
    URL_FILE.unlink(missing_ok=True)


def _available_port() -> int:
    """Return the default port, or 0 (any free port) if the default is in use."""
    try:
        socket.create_server((HOST, PORT)).close()
    except OSError:
        return 0
    return PORT


async def token(email: str) -> str:
    """Request a token from the provider that `app dev` runs, for manual requests."""
    try:
        async with AsyncClient(base_url=URL_FILE.read_text()) as client:
            form = {"grant_type": "password", "username": email}
            response = await client.post("/token", data=form)
    except (OSError, HTTPError):
        sys.exit("The development identity provider does not run. Start it with `app dev`.")
    access_token: str = response.json()["access_token"]
    return access_token
