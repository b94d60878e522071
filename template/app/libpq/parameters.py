"""Parameters of libpq's URLs (PostgreSQL 18, section 34.1.2).

Each one is honored, ignored because it has no effect here, or rejected with the fix. No error
contains a value, except those of parameters with few values.
"""

import re
from collections.abc import Mapping

from app.libpq import service_file, tls

TIMEOUT = re.compile(r"(?:-c\s*|--)(statement|lock)[_-]timeout\s*=", re.IGNORECASE)  # in `options`
SECONDS = re.compile(r"[0-9]{1,9}")
VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
SYNONYMS = {"true": "require", "1": "require", "no-verify": "require", "false": "disable"}

# Parameters that asyncpg honors, and those that the server reads as startup parameters.
HONORED: Mapping[str, tuple[str, ...]] = {  # with their values, if these are few
    "application_name": (),
    "connect_timeout": (),
    "gsslib": ("gssapi", "sspi"),
    "krbsrvname": (),
    "options": (),
    "passfile": (),
    "pgbouncer": ("true", "false"),
    "service": (),
    "ssl_max_protocol_version": VERSIONS,
    "ssl_min_protocol_version": VERSIONS,
    "sslcert": (),
    "sslcrl": (),
    "sslkey": (),
    "sslmode": ("disable", "allow", "prefer", *tls.ENCRYPTED),
    "sslnegotiation": ("postgres", "direct"),
    "sslpassword": (),
    "sslrootcert": (),
    "target_session_attrs": (
        "any",
        "read-write",
        "read-only",
        "primary",
        "standby",
        "prefer-standby",
    ),
}

# Parameters without effect on asyncpg and on this service, and the values that are ignored.
OFF = ("0", "off", "false", "no")
IGNORED: Mapping[str, tuple[str, ...]] = {  # any value, if there are none
    "channel_binding": (),  # asyncpg does not support it: use verify-full
    "client_encoding": ("auto", "UTF8", "utf8", "UTF-8", "utf-8", "UNICODE", "unicode"),
    "connection_limit": (),  # of Prisma; see DATABASE_POOL_SIZE
    "gssdelegation": ("0",),
    "gssencmode": ("disable", "prefer"),
    "keepalives": (),  # connections are replaced by age, and statements have a timeout
    "keepalives_count": (),
    "keepalives_idle": (),
    "keepalives_interval": (),
    "load_balance_hosts": ("disable",),
    "max_protocol_version": (),  # asyncpg speaks 3.0
    "min_protocol_version": ("3.0",),
    "pool_timeout": (),  # of Prisma; see DATABASE_POOL_TIMEOUT
    "replication": OFF,
    "schema": ("public",),  # of Prisma
    "sslcertmode": ("allow",),
    "sslcompression": (),  # TLS compression is insecure: OpenSSL has none
    "sslsni": ("1",),
    "supa": (),  # of Supabase and Vercel
    "tcp_user_timeout": (),
    "uselibpqcompat": (),  # of node-postgres: the modes of libpq, which this service has
    "workaround": (),  # of Supabase and Vercel
}

FIXES = {  # of rejected parameters, and of rejected values of ignored parameters
    "client_encoding": "remove it, since texts are UTF-8",
    "currentSchema": "write options=-csearch_path%3Dname",
    "gssencmode": "remove it, and use sslmode=verify-full",
    "hostaddr": "write the address as the host",
    "load_balance_hosts": "remove it; the hosts are tried in order",
    "lock_timeout": "set DATABASE_LOCK_TIMEOUT",
    "max_overflow": "set DATABASE_MAX_OVERFLOW",
    "pool_recycle": "set DATABASE_POOL_RECYCLE",
    "pool_size": "set DATABASE_POOL_SIZE",
    "prepared_statement_cache_size": "set DATABASE_POOLER=transaction",
    "require_auth": "remove it, and use sslmode=verify-full",
    "schema": "write options=-csearch_path%3Dname",
    "servicefile": "set PGSERVICEFILE",
    "sslcertmode": "remove it; a certificate is sent if sslcert is set",
    "sslcrldir": "write sslcrl with one file",
    "sslkeylogfile": "set SSLKEYLOGFILE",
    "sslsni": "remove it",
    "statement_cache_size": "set DATABASE_POOLER=transaction",
    "statement_timeout": "set DATABASE_STATEMENT_TIMEOUT",
}


def check(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the honored parameters without the ignored ones; reject all others."""
    honored = {name: value for name, value in parameters.items() if not _is_ignored(name, value)}
    fallback = honored.pop("fallback_application_name", "")
    if fallback:
        honored.setdefault("application_name", fallback)
    _set_ssl_mode(honored)
    for name, value in honored.items():
        _check(name, value)
    if "service" in honored:
        service_file.check(honored["service"])
    return tls.check(honored)


def _set_ssl_mode(parameters: dict[str, str]) -> None:
    """Set `sslmode` to a mode of libpq, from `ssl`, too, as drivers other than libpq name it.

    A mode that verifies the server contains `ssl=true`.
    """
    ssl, mode = (_ssl_mode(parameters.pop(name, "")) for name in ("ssl", "sslmode"))
    if ssl and mode and ssl != mode and not (ssl == "require" and mode in tls.ENCRYPTED):
        message = "Its ssl contradicts its sslmode: remove ssl"
        raise ValueError(message)
    if mode or ssl:
        parameters["sslmode"] = mode or ssl


def _ssl_mode(value: str) -> str:
    return SYNONYMS.get(value.lower(), value)


def _is_ignored(name: str, value: str) -> bool:
    return name in IGNORED and value in (IGNORED[name] or {value})


def _check(name: str, value: str) -> None:
    """Reject a parameter that has no effect here, and a value that is not one of few."""
    if name not in HONORED:
        known = f"parameter {name}" if name.isidentifier() else "an unknown parameter"
        is_known = name.lower() in {*HONORED, *IGNORED} and name != name.lower()
        fix = f"write {name.lower()}" if is_known else FIXES.get(name, "remove it")
        message = f"Its {known} is not supported: {fix}"
        raise ValueError(message)
    values = HONORED[name]
    if values and value not in values:
        message = f"Its parameter {name} is not one of {', '.join(values)}"
        raise ValueError(message)
    if name == "connect_timeout" and not SECONDS.fullmatch(value):
        message = "Its parameter connect_timeout is not a number of seconds"
        raise ValueError(message)
    if name == "options" and (match := TIMEOUT.search(value)):
        message = f"Its options set a timeout: set DATABASE_{match[1].upper()}_TIMEOUT"
        raise ValueError(message)
