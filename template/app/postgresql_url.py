"""URLs of PostgreSQL in libpq's form, as hosting providers issue them, for asyncpg.

Each parameter (PostgreSQL 18, section 34.1.2) is honored, ignored because it has no effect here, or
rejected with the fix. No error contains a value, except those of parameters with few values.
"""

import os
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode

from sqlalchemy import URL

HOST = re.compile(r"(/.*?|\[[^\]]+\]|[^:]+)(?::(\d*))?")  # a host and its port
TIMEOUT = re.compile(r"(?:-c\s*|--)(statement|lock)[_-]timeout\s*=")  # in `options`
FILES = ("sslrootcert", "sslcrl", "sslcert", "sslkey")
VERIFIED = ("verify-ca", "verify-full")
ENCRYPTED = ("require", *VERIFIED)
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
    "sslmode": ("disable", "allow", "prefer", *ENCRYPTED),
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


def parse_url(value: str | URL) -> URL:
    """Parse a URL of libpq, and set the driver asyncpg.

    Several hosts, and a Unix socket, become the query parameters `host` and `port`.
    """
    text = value if isinstance(value, str) else value.render_as_string(hide_password=False)
    scheme, user_info, hosts, path, query = _split(text.strip())
    if scheme.partition("+")[0] not in {"postgres", "postgresql"}:
        is_jdbc = scheme.startswith("jdbc:")
        message = "It starts with jdbc:" if is_jdbc else "Its scheme is not postgresql"
        raise ValueError(message)
    user, _, password = map(unquote, user_info.partition(":"))
    parameters = _parameters(query)
    names, ports = parameters.pop("host", ""), parameters.pop("port", "")
    addresses = _addresses(unquote(hosts) or names, ports)
    url = URL.create(
        "postgresql+asyncpg",
        username=parameters.pop("user", user) or None,
        password=parameters.pop("password", password) or None,
        database=parameters.pop("dbname", "") or unquote(path) or None,
    )
    return _set_addresses(url, addresses).update_query_dict(_checked(parameters))


def _split(text: str) -> tuple[str, str, str, str, str]:
    """Split a URL into scheme, user information, hosts, path and query."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        message = "It is not a URL"
        raise ValueError(message)
    if re.search(r"\s", text):
        message = "It contains white space, which must be written as %20"
        raise ValueError(message)
    address, _, query = rest.partition("?")
    authority, _, path = address.partition("/")
    user_info, _, hosts = authority.rpartition("@")
    if "#" in rest or "@" in path + query:
        message = "Write # / ? @ of its user and password as %23 %2F %3F %40"
        raise ValueError(message)
    return scheme.lower(), user_info, hosts, path, query


def _parameters(query: str) -> dict[str, str]:
    """Return the parameters of a query: the last of several values, or all hosts."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        message = "Its parameters are not pairs of name=value"
        raise ValueError(message) from None
    hosts = ",".join(value for name, value in pairs if name == "host")
    return {name: value for name, value in (*pairs, ("host", hosts)) if value}


def _addresses(hosts: str, ports: str) -> list[tuple[str, str]]:
    """Pair hosts with their ports, of which one may serve for all hosts."""
    names = hosts.split(",") if hosts else []
    numbers = ports.split(",") if "," in ports else [ports] * len(names)
    if len(numbers) != len(names):
        message = "Its hosts and ports differ in number"
        raise ValueError(message)
    return [_address(*pair) for pair in zip(names, numbers, strict=True)]


def _address(host: str, port: str) -> tuple[str, str]:
    """Split a host into address and port, unless it is an IPv6 address without brackets."""
    if match := HOST.fullmatch(host):
        host, port = match[1].strip("[]"), match[2] or port
    is_port = not port or (port.isdecimal() and 0 < int(port) < 1 << 16)
    if not is_port or not (match or _is_ip_address(host)):
        message = "Its port is not a number from 1 to 65535"
        raise ValueError(message)
    return host, port


def _is_ip_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _set_addresses(url: URL, addresses: list[tuple[str, str]]) -> URL:
    """Add the addresses: a single host as such, others in the query, as SQLAlchemy reads them."""
    hosts, ports = [host for host, _ in addresses], [port for _, port in addresses]
    if len(addresses) == 1 and not hosts[0].startswith("/"):
        return url.set(host=hosts[0], port=int(ports[0]) if ports[0] else None)
    if len(addresses) > 1:
        ports = [port or "5432" for port in ports]
    query = {"host": ",".join(hosts), "port": ",".join(ports)}
    return url.update_query_dict({name: value for name, value in query.items() if value})


def _checked(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the honored parameters without the ignored ones; reject all others."""
    kept = dict(parameters)
    fallback = kept.pop("fallback_application_name", "")
    if fallback:
        kept.setdefault("application_name", fallback)
    if ssl_mode := kept.pop("ssl", ""):  # as drivers other than libpq name it
        kept.setdefault("sslmode", ssl_mode)
    if kept.get("sslmode") in SYNONYMS:
        kept["sslmode"] = SYNONYMS[kept["sslmode"]]
    kept = {name: value for name, value in kept.items() if not _is_ignored(name, value)}
    for name, value in kept.items():
        _check(name, value)
    return _check_tls(kept)


def _is_ignored(name: str, value: str) -> bool:
    return name in IGNORED and value in (IGNORED[name] or {value})


def _check(name: str, value: str) -> None:
    """Reject a parameter that has no effect here, and a value that is not one of few."""
    if name not in HONORED:
        known = f"parameter {name}" if name.isidentifier() else "an unknown parameter"
        message = f"Its {known} is not supported: {FIXES.get(name, 'remove it')}"
        raise ValueError(message)
    values = HONORED[name]
    if values and value not in values:
        message = f"Its parameter {name} is not one of {', '.join(values)}"
        raise ValueError(message)
    if name == "connect_timeout" and not value.isdecimal():
        message = "Its parameter connect_timeout is not a number of seconds"
        raise ValueError(message)
    if name == "options" and (match := TIMEOUT.search(value)):
        message = f"Its options set a timeout: set DATABASE_{match[1].upper()}_TIMEOUT"
        raise ValueError(message)


def _check_tls(parameters: dict[str, str]) -> dict[str, str]:
    """Check that the TLS parameters match, and that their files can be loaded."""
    if parameters.get("sslrootcert") == "system":
        parameters = {"sslmode": "verify-full", **parameters}
        if parameters["sslmode"] != "verify-full":
            message = "Its sslrootcert=system needs sslmode=verify-full"
            raise ValueError(message)
    is_direct = parameters.get("sslnegotiation") == "direct"
    files = [name for name in FILES if name in parameters]
    mode = parameters.get("sslmode", os.environ.get("PGSSLMODE", "prefer"))
    if (files or is_direct) and mode not in ENCRYPTED:
        name = files[0] if files else "sslnegotiation=direct"
        message = f"Its {name} needs one of sslmode={', '.join(ENCRYPTED)}"
        raise ValueError(message)
    if mode in VERIFIED and not _has_root(parameters):
        message = f"Its sslmode={mode} needs sslrootcert: a file of CA certificates, or system"
        raise ValueError(message)
    if "sslkey" in parameters and "sslcert" not in parameters:
        message = "Its sslkey needs sslcert"
        raise ValueError(message)
    _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), parameters)
    return parameters


def _has_root(parameters: Mapping[str, str]) -> bool:
    """Return whether there is a CA certificate, in a variable or a file of libpq, too."""
    is_named = bool({"sslrootcert", "service"} & parameters.keys()) or "PGSSLROOTCERT" in os.environ
    return is_named or is_in_home(".postgresql/root.crt")


def is_in_home(name: str) -> bool:
    """Return whether a file is in the home directory, which users of containers may lack."""
    with suppress(RuntimeError):
        return (Path.home() / name).exists()
    return False


def _load(context: ssl.SSLContext, parameters: Mapping[str, str]) -> None:
    """Load the files of the TLS parameters; errors name the parameter and the reason."""
    names = [name for name in FILES if parameters.get(name, "system") != "system"]
    name = ""
    try:
        for name in names:
            Path(parameters[name]).read_bytes()
        for name in names:
            if name == "sslcert":
                password = parameters.get("sslpassword", "")
                context.load_cert_chain(parameters[name], parameters.get("sslkey"), password)
            elif name != "sslkey":
                context.load_verify_locations(parameters[name])
    except ssl.SSLError:
        hint = ", or sslkey or sslpassword does not match" if name == "sslcert" else ""
        message = f"Its {name} is not a file of certificates in PEM format{hint}"
        raise ValueError(message) from None
    except OSError as error:
        message = f"Its {name} cannot be read ({error.strerror})"
        raise ValueError(message) from None


def hosts_of(url: URL) -> list[str]:
    """Return the hosts, or directories of sockets, that a URL names."""
    return [host for host in str(url.query.get("host", url.host or "")).split(",") if host]


def server_url(url: URL) -> URL:
    """Return a URL without the parameters that only asyncpg reads."""
    addresses = {name: url.query[name] for name in ("host", "port") if name in url.query}
    return url.set(query=addresses)


def driver_arguments(url: URL) -> dict[str, object]:
    """Return the arguments of asyncpg for the parameters of a URL.

    asyncpg reads them in a DSN, except the certificates of the operating system.
    """
    others = {"host", "port", "connect_timeout", "pgbouncer"}
    parameters = {name: str(value) for name, value in url.query.items() if name not in others}
    arguments: dict[str, object] = (
        {"dsn": f"postgresql://?{urlencode(parameters)}"} if parameters else {}
    )
    if parameters.get("sslrootcert") == "system":
        arguments["ssl"] = _system_context(parameters)
    return arguments


def _system_context(parameters: Mapping[str, str]) -> ssl.SSLContext:
    """Return TLS that trusts the CA certificates of the operating system."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["postgresql"])
    _load(context, parameters)
    if "sslcrl" in parameters:
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    if version := parameters.get("ssl_min_protocol_version"):
        context.minimum_version = ssl.TLSVersion[version.replace(".", "_")]
    if version := parameters.get("ssl_max_protocol_version"):
        context.maximum_version = ssl.TLSVersion[version.replace(".", "_")]
    return context
