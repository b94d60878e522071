"""Accounts of an OpenID Connect provider."""

from __future__ import annotations

from .model import Column, Command, Feature, ForeignKey, Setting, Step, Table

OIDC = Feature(
    name="oidc",
    summary="accounts of an identity provider",
    requires=("auth",),
    paths=(
        "app/auth/oidc/",
        "app/models/identity.py",
        "app/services/identity.py",
        "development/identity_provider.py",
        "docs/oidc.md",
        "tests/auth/oidc/",
        "tests/development/test_identity_provider.py",
        "tests/support/oidc.py",
    ),
    installs="auth.oidc",
    explains="auth/oidc/",
    beside=("identity_provider",),
    runtime=("cryptography>=48,<51", "pyjwt[crypto]>=2.15,<3"),
    environment={
        "OIDC_ISSUER": "${OIDC_ISSUER:-http://127.0.0.1:9000}",
        "OIDC_AUDIENCE": "${OIDC_AUDIENCE:-app}",
    },
    settings=(
        Setting(
            name="OIDC_ISSUER",
            is_needed=True,
            example="https://login.example.com/realms/app",
            meaning="The provider, as tokens say it in `iss`. Leave it out, and `uv run app dev` brings its own.",
        ),
        Setting(
            name="OIDC_AUDIENCE",
            is_needed=True,
            example="app",
            meaning="What tokens for this service say in `aud`.",
        ),
        Setting(name="OIDC_CLIENT_ID", example="app", meaning="The public client with which /docs signs in."),
        Setting(
            name="OIDC_ALGORITHMS",
            example="RS256",
            meaning="How tokens may be signed; RS256, ES256 and EdDSA if unset.",
        ),
        Setting(name="OIDC_EMAIL_CLAIM", example="email", meaning="The claim that holds the address."),
        Setting(
            name="OIDC_TRUST_EMAIL",
            example="false",
            meaning="Whether an address is believed that is not said to be verified.",
        ),
        Setting(name="OIDC_ROLES_CLAIM", example="realm_access.roles", meaning="The claim that holds roles or groups."),
        Setting(
            name="OIDC_ROLES",
            example="admins=admin,staff=clerk",
            meaning="What of it stands for which role here, the first first; unset, administrators give roles.",
        ),
        Setting(
            name="OIDC_PROVISION",
            example="false",
            meaning="Whether whoever comes first gets an account; else only those whose address is here.",
        ),
    ),
    tables=(
        Table(
            name="identities",
            columns=(
                Column("issuer", "String(length=200)"),
                Column("subject", "String(length=255)"),
                Column("user_id", "Uuid()"),
            ),
            primary_key=("issuer", "subject"),
            uniques=(("user_id", "issuer"),),
            foreign_keys=(ForeignKey("user_id", "users", "CASCADE"),),
        ),
    ),
    shows='--oauth2-bearer "$(uv run app token admin@example.com)"',
    first_steps=(
        Step(
            says="Only those who have signed in may make one. Make yourself an administrator first:",
            command="uv run app create-admin admin@example.com",
        ),
    ),
    commands=(
        Command(
            name="create_admin",
            module="app.auth.oidc.cli",
            meaning="Make an administrator of whoever signs in with this address.",
            done="Makes an administrator of whoever signs in with this address",
            is_for_people=True,
        ),
        Command(
            name="token",
            module="development.identity_provider",
            meaning="Print a token of the provider that `dev` brings, to try the API with.",
            done="Prints a token of the provider that `uv run app dev` brings",
        ),
    ),
    guidance=("The provider has the passwords. In development, `development/identity_provider.py` is the provider.",),
)
