"""Features for authentication, rows owned by accounts, and the endpoint that reports running versions."""

from __future__ import annotations

from .model import Column, Feature, ForeignKey, Setting, Table

AUTH = Feature(
    name="auth",
    summary="authentication, roles, permissions and API keys",
    requires=("scope",),
    paths=(
        "app/auth/",
        "app/models/api_key.py",
        "app/models/user.py",
        "app/routers/api_key.py",
        "app/routers/role.py",
        "app/routers/user.py",
        "app/schemas/api_key.py",
        "app/schemas/user.py",
        "app/services/api_key.py",
        "app/services/role.py",
        "app/services/user.py",
        "docs/auth.md",
        "tests/architecture/test_access_policies.py",
        "tests/auth/",
        "tests/support/auth.py",
    ),
    routes=("roles", "users"),
    installs="auth",
    accepts=("X-API-Key",),
    explains="auth/",
    guards=True,
    signs_in="auth",
    runtime=("email-validator>=2.3,<3",),
    unimported=("email-validator",),
    settings=(
        Setting(
            name="API_KEYS_PER_USER",
            example="20",
            default="20",
            meaning="API keys that a user may have; the creation of further ones gets 409.",
        ),
    ),
    tables=(
        Table(
            name="roles",
            columns=(
                Column("id", "Uuid()"),
                Column("name", "String(length=40)"),
                Column("permissions", "JSON()"),
                Column("created_at", "DateTime(timezone=True)"),
                Column("updated_at", "DateTime(timezone=True)"),
            ),
            uniques=(("name",),),
            indexes=("created_at",),
        ),
        Table(
            name="users",
            columns=(
                Column("id", "Uuid()"),
                Column("email", "String(length=320)"),
                Column("name", "String(length=100)", nullable=True),
                Column("verified_at", "DateTime(timezone=True)", nullable=True),
                Column("disabled_at", "DateTime(timezone=True)", nullable=True),
                Column("deleted_at", "DateTime(timezone=True)", nullable=True),
                Column("voided_at", "DateTime(timezone=True)", nullable=True),
                Column("role_id", "Uuid()", nullable=True),
                Column("created_at", "DateTime(timezone=True)"),
                Column("updated_at", "DateTime(timezone=True)"),
            ),
            uniques=(("email",),),
            foreign_keys=(ForeignKey("role_id", "roles", "RESTRICT"),),
            indexes=("created_at", "role_id"),
        ),
        Table(
            name="user_roles",
            columns=(Column("user_id", "Uuid()"), Column("role_id", "Uuid()")),
            primary_key=("user_id", "role_id"),
            foreign_keys=(ForeignKey("user_id", "users", "CASCADE"), ForeignKey("role_id", "roles", "RESTRICT")),
            indexes=("role_id",),
        ),
        Table(
            name="api_keys",
            columns=(
                Column("id", "Uuid()"),
                Column("user_id", "Uuid()"),
                Column("name", "String(length=40)"),
                Column("prefix", "String(length=16)"),
                Column("digest", "String(length=64)"),
                Column("scopes", "JSON()"),
                Column("expires_at", "DateTime(timezone=True)", nullable=True),
                Column("last_used_at", "DateTime(timezone=True)", nullable=True),
                Column("created_at", "DateTime(timezone=True)"),
                Column("updated_at", "DateTime(timezone=True)"),
            ),
            uniques=(("prefix",),),
            foreign_keys=(ForeignKey("user_id", "users", "CASCADE"),),
            indexes=("created_at", "user_id"),
        ),
    ),
    guidance=(
        "`CurrentUser` is the caller; `PUBLIC`, `SIGNED_IN` and `require_permission` authorize: `docs/auth.md`.",
        "Security events: `record` (`docs/audit.md`). In tests, `sign_in`: `tests/support/auth.py`.",
    ),
)

AUDIT = Feature(
    name="audit",
    summary="audit log of security events",
    requires=("after_commit",),
    meets=("auth",),
    paths=(
        "app/auth/audit.py",
        "app/models/audit_event.py",
        "app/routers/audit_event.py",
        "app/schemas/audit_event.py",
        "app/services/audit_event.py",
        "docs/audit.md",
        "tests/auth/test_audit.py",
    ),
    routes=("audit",),
    is_word=True,
    installs="auth.audit",
    explains="services/audit_event.py",
    settings=(
        Setting(
            name="AUDIT_DAYS",
            example="365",
            default="365",
            meaning="Days after which events of the audit log are deleted.",
        ),
    ),
    tables=(
        Table(
            name="audit_events",
            columns=(
                Column("id", "Uuid()"),
                Column("action", "String(length=60)"),
                Column("actor_id", "Uuid()", nullable=True),
                Column("actor_key", "String(length=16)", nullable=True),
                Column("target_type", "String(length=40)", nullable=True),
                Column("target_id", "String(length=80)", nullable=True),
                Column("request_id", "String(length=128)", nullable=True),
                Column("address", "String(length=45)", nullable=True),
                Column("details", "JSON()"),
                Column("created_at", "DateTime(timezone=True)"),
            ),
            indexes=("action", "actor_id", "created_at", "target_id"),
        ),
    ),
)

OWNERSHIP = Feature(
    name="ownership",
    summary="owned rows",
    requires=("auth",),
    paths=(
        "app/auth/ownership.py",
        "app/auth/references.py",
        "docs/ownership.md",
        "tests/auth/test_ownership.py",
        "tests/support/ownership.py",
    ),
    explains="auth/ownership.py",
    guidance=("Rows with an `owner_id`: `owner_or_permission` in routes, `owned` in queries: `docs/ownership.md`.",),
)

CALLER_LIMITS = Feature(
    name="caller_limits",
    summary="rate limits per user, for tokens and API keys together",
    meets=("auth", "ratelimit"),
    paths=("tests/auth/test_caller_limits.py",),
)

SCOPE = Feature(name="scope", summary="rows that a caller may access", paths=("app/scope.py",), is_word=True)

ABOUT = Feature(
    name="about",
    summary="running versions",
    meets=("auth",),
    paths=(
        "app/about.py",
        "app/routers/about.py",
        "app/schemas/about.py",
        "tests/api/test_about.py",
    ),
    routes=("about",),
    installs="about",
    is_word=True,
    built_with={"ABOUT_TEMPLATE": "TEMPLATE_VERSION"},
    settings=(
        Setting(
            name="ABOUT_TEMPLATE",
            example="v1.2.3",
            meaning="Version of the template, shown at /api/v1/about; set by the build of the image.",
        ),
    ),
)
