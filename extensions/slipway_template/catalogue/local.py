"""Accounts with passwords and tokens of the service's own."""

from __future__ import annotations

from .model import Column, Command, Feature, ForeignKey, Setting, Step, Table

LOCAL = Feature(
    name="local",
    summary="accounts, passwords and tokens of the service's own",
    requires=("auth",),
    paths=(
        "app/hashing.py",
        "app/letters.py",
        "app/local.py",
        "app/local_commands.py",
        "app/models/password.py",
        "app/models/refresh_token.py",
        "app/refreshing.py",
        "app/routers/login.py",
        "app/schemas/login.py",
        "app/services/login.py",
        "app/signing.py",
        "docs/local.md",
        "tests/local.py",
        "tests/test_hashing.py",
        "tests/test_local_commands.py",
        "tests/test_login.py",
        "tests/test_signing.py",
    ),
    routes=("auth",),
    is_word=True,
    installs=True,
    is_explained=True,
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
            module="app.local_commands",
            meaning="Make an administrator, or make one of a user; the password is asked for.",
            done="Makes an administrator; asks for the password, or reads it from a pipe",
            is_for_people=True,
        ),
        Command(
            name="token",
            module="app.local_commands",
            meaning="Print an access token of a user, to try the API with.",
            done="Prints an access token, to try the API with",
        ),
    ),
    guidance=("Only `app/signing.py` makes and reads tokens, and only `app/hashing.py` passwords.",),
)

OUTGOING = Feature(
    name="outgoing",
    summary="links that the log of development shows",
    meets=("local",),
    paths=("app/outgoing.py", "tests/test_outgoing.py"),
    is_word=True,
    installs=True,
)

ACCOUNT_MAIL = Feature(
    name="account_mail",
    summary="links for people who sign in, as mails",
    meets=("local", "email"),
    replaces=("outgoing",),
    paths=(
        "app/account_mail.py",
        "app/email/templates/account_mail/",
        "docs/account_mail.md",
        "tests/test_account_mail.py",
    ),
    installs=True,
    is_explained=True,
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
