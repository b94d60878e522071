"""The feature for accounts that an OpenID Connect identity provider manages."""

from __future__ import annotations

from .model import Column, Command, Feature, ForeignKey, Setting, Step, Table

OIDC = Feature(
    name="oidc",
    summary="accounts of an OpenID Connect provider",
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
        "OIDC_AUDIENCE": "${OIDC_AUDIENCE:-api}",
    },
    settings=(
        Setting(
            name="OIDC_ISSUER",
            is_needed=True,
            example="https://login.example.com/realms/app",
            meaning="Issuer URL of the provider, the `iss` of tokens; without it, `uv run app dev` starts one.",
        ),
        Setting(
            name="OIDC_AUDIENCE",
            is_needed=True,
            example="https://api.example.com",
            meaning="Audience that `aud` of access tokens must contain; differs from any client ID.",
        ),
        Setting(
            name="OIDC_CLIENTS",
            example="web,mobile",
            meaning="Clients whose tokens are accepted (`client_id`, `azp`); without it, all of the provider.",
        ),
        Setting(
            name="OIDC_TOKEN_TYPES",
            example="at+jwt",
            default="at+jwt,jwt",
            meaning="Accepted types of tokens: `at+jwt` (RFC 9068), `jwt` (no type stated), `id` (ID tokens).",
        ),
        Setting(
            name="OIDC_CLIENT_ID",
            example="app",
            default="app",
            meaning="Client ID of the public client that /docs signs in with.",
        ),
        Setting(
            name="OIDC_ALGORITHMS",
            example="RS256",
            default="RS256,ES256,EdDSA",
            meaning="Accepted signature algorithms of tokens.",
        ),
        Setting(
            name="OIDC_EMAIL_CLAIM", example="email", default="email", meaning="Claim that contains the e-mail address."
        ),
        Setting(
            name="OIDC_TRUST_EMAIL",
            example="false",
            default="false",
            meaning="Accepts e-mail addresses that the provider has not marked as verified.",
        ),
        Setting(
            name="OIDC_ROLES_CLAIM",
            example="realm_access.roles",
            default="roles",
            meaning="Claim that contains roles or groups.",
        ),
        Setting(
            name="OIDC_ROLES",
            example="admins=admin,staff=clerk",
            meaning="Mapping of its values to roles, by precedence; without it, administrators assign roles.",
        ),
        Setting(
            name="OIDC_PROVISION",
            example="false",
            default="true",
            meaning="Creates an account at the first login; if false, only existing users can sign in.",
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
            says="Writes require authentication. Create an administrator first:",
            command="uv run app create-admin admin@example.com",
        ),
    ),
    commands=(
        Command(
            name="create_admin",
            module="app.auth.oidc.cli",
            meaning="Assign the administrator role to an e-mail address, before or after the first login.",
            done="Makes the user with this e-mail address an administrator",
            is_for_people=True,
        ),
        Command(
            name="token",
            module="development.identity_provider",
            meaning="Print an access token of the development provider, for manual requests.",
            done="Prints an access token of the development provider, for manual requests",
        ),
    ),
    guidance=("The provider has the passwords. In development, `development/identity_provider.py` is the provider.",),
)
