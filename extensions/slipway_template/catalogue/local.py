"""Accounts with passwords and tokens of the service's own."""

from __future__ import annotations

from .model import Column, Command, Feature, ForeignKey, Setting, Step, Table

LOCAL = Feature(
    name="local",
    summary="accounts, passwords and tokens of the service's own",
    requires=("auth",),
    paths=(
        "app/auth/local/",
        "app/models/password.py",
        "app/models/refresh_token.py",
        "app/routers/auth.py",
        "app/schemas/auth.py",
        "app/services/auth.py",
        "docs/local.md",
        "tests/auth/local/",
        "tests/support/local.py",
    ),
    routes=("auth",),
    is_word=True,
    installs="auth.local",
    explains="auth/local/",
    runtime=(
        "anyio>=4.11,<5",
        "pwdlib[argon2]>=0.3.1,<0.4",
        "pyjwt[crypto]>=2.15,<3",
        "python-multipart>=0.0.34",
    ),
    test=("cryptography>=48,<51",),
    unimported=("python-multipart",),
    settings=(
        Setting(
            name="AUTH_KEYS",
            is_secret=True,
            is_needed=True,
            example="change-me",
            meaning="Secrets of 32 bytes or more that sign tokens, the newest first; files of private keys with EdDSA.",
        ),
        Setting(name="AUTH_ALGORITHM", example="HS256", meaning="HS256 (the default), EdDSA or RS256."),
        Setting(name="AUTH_ISSUER", example="app", meaning="Who tokens say that they are from."),
        Setting(name="AUTH_AUDIENCE", example="app", meaning="Who tokens say that they are for."),
        Setting(name="AUTH_ACCESS_MINUTES", example="15", meaning="Minutes for which an access token is good."),
        Setting(name="AUTH_REFRESH_DAYS", example="30", meaning="Days for which a login can be continued."),
        Setting(name="AUTH_REGISTRATION", example="false", meaning="Whether anybody may make an account."),
    ),
    tables=(
        Table(
            name="passwords",
            columns=(Column("user_id", "Uuid()"), Column("hash", "String(length=200)")),
            primary_key=("user_id",),
            foreign_keys=(ForeignKey("user_id", "users", "CASCADE"),),
        ),
        Table(
            name="refresh_tokens",
            columns=(
                Column("id", "Uuid()"),
                Column("user_id", "Uuid()"),
                Column("family", "Uuid()"),
                Column("digest", "String(length=64)"),
                Column("expires_at", "DateTime(timezone=True)"),
                Column("used_at", "DateTime(timezone=True)", nullable=True),
                Column("created_at", "DateTime(timezone=True)"),
            ),
            uniques=(("digest",),),
            foreign_keys=(ForeignKey("user_id", "users", "CASCADE"),),
            indexes=("family", "user_id"),
        ),
    ),
    shows='--oauth2-bearer "$(uv run app token admin@example.com)"',
    first_steps=(
        Step(
            says="Only those who have signed in may make one. Make yourself an administrator first:",
            command="echo 'correct horse battery staple' | uv run app create-admin admin@example.com",
        ),
    ),
    commands=(
        Command(
            name="create_admin",
            module="app.auth.local.cli",
            meaning="Make an administrator, or make one of a user; the password is asked for.",
            done="Makes an administrator; asks for the password, or reads it from a pipe",
            is_for_people=True,
        ),
        Command(
            name="token",
            module="app.auth.local.cli",
            meaning="Print an access token of a user, to try the API with.",
            done="Prints an access token, to try the API with",
        ),
    ),
    guidance=(
        "Only `app/auth/local/tokens.py` makes and reads tokens, and only `app/auth/local/passwords.py` passwords.",
    ),
)

LINK_LOGGER = Feature(
    name="link_logger",
    summary="links that the log of development shows",
    meets=("local",),
    paths=(
        "app/auth/local/link_logger.py",
        "tests/auth/local/test_link_logger.py",
    ),
    is_word=True,
    installs="auth.local.link_logger",
)

ACCOUNT_LINKS = Feature(
    name="account_links",
    summary="links for people who sign in, as mails",
    meets=("local", "email"),
    replaces=("link_logger",),
    paths=(
        "app/auth/local/link_mailer.py",
        "app/email/templates/account_mail/",
        "docs/account_links.md",
        "tests/auth/local/test_link_mailer.py",
    ),
    installs="auth.local.link_mailer",
    explains="auth/local/link_mailer.py",
    settings=(
        Setting(
            name="ACCOUNT_MAIL_PAGE",
            is_needed=True,
            stand_in="https://example.com/account",
            example="https://shop.example.com/account",
            meaning="The page that links in mails lead to; the token comes after a #.",
        ),
    ),
)
