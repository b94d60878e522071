"""Types of tokens: providers sign access tokens, ID tokens and logout tokens with the same keys.

An ID token proves a login to a client, and is not meant for an API (RFC 9068, section 5; JSON Web
Token Best Current Practices, RFC 8725, section 3.11). Its type is checked where the provider states
it: in the header `typ`, or in a claim.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

HEADER_PREFIX = "application/"  # may be omitted (RFC 7515, section 4.1.9)
ID_TOKEN_CLAIMS = {"nonce", "at_hash", "c_hash", "s_hash"}  # OpenID Connect Core 1.0, section 2
CLIENT_CLAIMS = ("client_id", "azp", "appid", "cid")  # RFC 9068; OpenID Connect; Entra ID; Okta


class TokenType(StrEnum):
    """Type of a token that a client may send."""

    AT_JWT = "at+jwt"  # access token whose header states its type (RFC 9068)
    JWT = "jwt"  # access token whose header states no type
    ID = "id"  # ID token


# Claims that state the type: `typ` of Keycloak, `token_use` of Amazon Cognito.
TYPE_CLAIMS = {
    "typ": {"bearer": TokenType.JWT, "id": TokenType.ID},
    "token_use": {"access": TokenType.JWT, "id": TokenType.ID},
}


def token_type(header: Mapping[str, Any], claims: Mapping[str, Any]) -> TokenType | None:
    """Return the type of a verified token; None if no request may contain it.

    Logout tokens are security events, and have the claim `events` (Back-Channel Logout 1.0).
    """
    typ = str(header.get("typ", TokenType.JWT)).lower().removeprefix(HEADER_PREFIX)
    if "events" in claims or typ not in {TokenType.AT_JWT, TokenType.JWT}:
        return None
    if typ == TokenType.AT_JWT:
        return TokenType.AT_JWT
    for name, types in TYPE_CLAIMS.items():
        if name in claims:
            return types.get(str(claims[name]).lower())
    return TokenType.JWT if ID_TOKEN_CLAIMS.isdisjoint(claims) else TokenType.ID


def is_sender_constrained(claims: Mapping[str, Any]) -> bool:
    """Return whether a token is bound to a key, and must not be sent as a bearer token.

    Without a proof of possession, a stolen token would work (DPoP, RFC 9449, section 7.2; mutual
    TLS, RFC 8705, section 3).
    """
    return "cnf" in claims


def client_of(claims: Mapping[str, Any]) -> object:
    """Return the ID of the client that a token was issued to; None if no claim states it."""
    return next((claims[name] for name in CLIENT_CLAIMS if name in claims), None)
