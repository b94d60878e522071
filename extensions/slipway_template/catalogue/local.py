"""The feature for accounts with passwords, JWT access tokens and rotating refresh tokens."""

from __future__ import annotations

from .model import Column, Command, Feature, ForeignKey, Setting, Step, Table

LOCAL = Feature(
    name="local",
    summary="local accounts: passwords, JWTs and refresh tokens",
    requires=("auth",),
    paths=(
        "app/auth/local/",
        "app/models/password.py",
        "app/models/refresh_token.py",
        "app/models/user_session.py",
        "app/routers/auth.py",
        "app/routers/user_session.py",
        "app/schemas/auth.py",
        "app/schemas/user_session.py",
        "app/services/auth.py",
        "app/services/user_session.py",
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
        "zxcvbn-rs-py>=0.3,<0.4",
    ),
    test=("cryptography>=48,<51",),
    unimported=("python-multipart",),
    settings=(
        Setting(
            name="AUTH_KEYS",
            is_secret=True,
            is_needed=True,
            example="change-me",
            meaning="Signing keys, the newest first: secrets of 32 bytes or more; for EdDSA and RS256, key files.",
        ),
        Setting(
            name="AUTH_ALGORITHM",
            example="HS256",
            default="HS256",
            meaning="Signature algorithm of tokens: HS256, EdDSA or RS256.",
        ),
        Setting(name="AUTH_ISSUER", example="app", default="app", meaning="Issuer of tokens, their `iss` claim."),
        Setting(name="AUTH_AUDIENCE", example="app", default="app", meaning="Audience of tokens, their `aud` claim."),
        Setting(
            name="AUTH_ACCESS_MINUTES", example="15", default="15", meaning="Lifetime of access tokens in minutes."
        ),
        Setting(name="AUTH_REFRESH_DAYS", example="30", default="30", meaning="Lifetime of refresh tokens in days."),
        Setting(
            name="AUTH_SESSION_DAYS",
            example="90",
            default="90",
            meaning="Lifetime of sessions in days, after which users log in again.",
        ),
        Setting(
            name="AUTH_REQUIRE_VERIFIED",
            example="true",
            default="true",
            meaning="Requires a verified e-mail address at login.",
        ),
        Setting(
            name="AUTH_REGISTRATION",
            example="true",
            meaning="Allows anyone to register; by default, registration is off in production.",
        ),
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
        Table(
            name="user_sessions",
            columns=(
                Column("id", "Uuid()"),
                Column("user_id", "Uuid()"),
                Column("user_voided_at", "DateTime(timezone=True)", nullable=True),
                Column("user_agent", "String(length=200)"),
                Column("expires_at", "DateTime(timezone=True)"),
                Column("last_used_at", "DateTime(timezone=True)"),
                Column("created_at", "DateTime(timezone=True)"),
            ),
            foreign_keys=(ForeignKey("user_id", "users", "CASCADE"),),
            indexes=("user_id",),
        ),
    ),
    shows='--oauth2-bearer "$(uv run app token admin@example.com)"',
    first_steps=(
        Step(
            says="Writes require authentication. Create an administrator first:",
            command="echo 'correct horse battery staple' | uv run app create-admin admin@example.com",
        ),
    ),
    commands=(
        Command(
            name="create_admin",
            module="app.auth.local.cli",
            meaning="Create an administrator, or make an existing user one; prompts for the password.",
            done="Creates an administrator; prompts for the password, or reads it from standard input",
            is_for_people=True,
        ),
        Command(
            name="token",
            module="app.auth.local.cli",
            meaning="Print an access token of a user, for manual requests.",
            done="Prints an access token, for manual requests",
        ),
    ),
    guidance=("In `app/auth/local/`, only `tokens.py` signs, `passwords.py` hashes, `attempts.py` throttles.",),
)

THROTTLE = Feature(
    name="throttle",
    summary="throttled password guesses and account e-mails",
    meets=("local",),
    paths=(
        "app/auth/local/attempts.py",
        "app/auth/local/throttle.py",
        "tests/auth/local/test_throttle.py",
    ),
    is_word=True,
    installs="auth.local.throttle",
    runtime=("limits>=5.8,<6",),
    settings=(
        Setting(
            name="THROTTLE_GUESSES",
            example="10",
            default="10",
            meaning="Wrong passwords for one account from one IP address, per 15 minutes.",
        ),
        Setting(
            name="THROTTLE_ADDRESS_GUESSES",
            example="100",
            default="100",
            meaning="Wrong passwords from one IP address, per 15 minutes; likewise e-mails that it requests.",
        ),
        Setting(
            name="THROTTLE_ACCOUNT_GUESSES",
            example="100",
            default="100",
            meaning="Wrong passwords for one account from addresses that have not logged in before, per hour.",
        ),
        Setting(
            name="THROTTLE_MAILS",
            example="5",
            default="5",
            meaning="E-mails about registration and password reset to one recipient, per hour.",
        ),
        Setting(
            name="THROTTLE_HASHES",
            example="32",
            default="32",
            meaning="Password hashes that wait for a thread; further requests get 503.",
        ),
        Setting(
            name="THROTTLE_ENABLED",
            example="true",
            default="true",
            meaning="Enables the limits of guesses and e-mails.",
        ),
    ),
    tested_with={"THROTTLE_ENABLED": "false"},
)

SHARED_THROTTLE = Feature(
    name="shared_throttle",
    summary="counts of password guesses in Valkey",
    meets=("local", "valkey"),
    paths=(
        "app/auth/local/shared_throttle.py",
        "docs/shared_throttle.md",
        "tests/auth/local/test_shared_throttle.py",
    ),
    installs="auth.local.shared_throttle",
    explains="auth/local/shared_throttle.py",
    reaches={"THROTTLE_URL": "valkey"},
    settings=(
        Setting(
            name="THROTTLE_URL",
            is_secret=True,
            example="redis://localhost:6379/0",
            meaning="URL of the Valkey or Redis that counts guesses for all processes; without it, each counts alone.",
        ),
    ),
)

LINK_LOGGER = Feature(
    name="link_logger",
    summary="account links, logged in development",
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
    summary="account e-mails: verification and password reset",
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
            meaning="URL of the page that links in account e-mails open; the token follows a #.",
        ),
    ),
)
