"""URLs of PostgreSQL: parsed as libpq does, and split into what SQLAlchemy and asyncpg read."""

import re
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote, urlencode

from sqlalchemy import URL

from app.libpq import parameters, tls

HOST = re.compile(r"(/.*?|\[[^\]]+\]|[^:]+)(?::(\d*))?")  # a host and its port
PORT = re.compile(r"[0-9]{1,5}")


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
    query_parameters = _parameters(query)
    names, ports = query_parameters.pop("host", ""), query_parameters.pop("port", "")
    addresses = _addresses(names or unquote(hosts), ports)
    url = URL.create(
        "postgresql+asyncpg",
        username=query_parameters.pop("user", user) or None,
        password=query_parameters.pop("password", password) or None,
        database=query_parameters.pop("dbname", "") or unquote(path) or None,
    )
    return _set_addresses(url, addresses).update_query_dict(parameters.check(query_parameters))


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
    parts = "&".join(part for part in query.split("&") if part).replace("+", "%2B")  # a plus sign
    try:
        pairs = parse_qsl(parts, keep_blank_values=True, strict_parsing=bool(parts))
    except ValueError:
        message = "Its parameters are not pairs of name=value"
        raise ValueError(message) from None
    hosts = ",".join(value for name, value in pairs if name == "host")
    return {name: value for name, value in (*pairs, ("host", hosts)) if value}


def _addresses(hosts: str, ports: str) -> list[tuple[str, str]]:
    """Pair hosts with their ports, of which one may serve for all hosts."""
    if ports and not hosts:
        message = "Its port needs a host: write host=/run/postgresql for a Unix socket"
        raise ValueError(message)
    names = hosts.split(",") if hosts else []
    numbers = ports.split(",") if "," in ports else [ports] * len(names)
    if len(numbers) != len(names):
        message = "Its hosts and ports differ in number"
        raise ValueError(message)
    return [_address(*pair) for pair in zip(names, numbers, strict=True)]


def _address(host: str, port: str) -> tuple[str, str]:
    """Split a host into address and port, unless it is an IPv6 address without brackets."""
    if match := HOST.fullmatch(host):
        host, port = match[1], port or match[2] or ""
    elif host.count(":") == 1 and not host.startswith(":"):
        host, _, port = host.partition(":")
    if port and not (PORT.fullmatch(port) and 0 < int(port) < 1 << 16):
        message = "Its port is not a number from 1 to 65535"
        raise ValueError(message)
    name = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not name or (":" in host and host[0] != "/" and not _is_ip_address(name)):
        message = "One of its hosts is missing or malformed"
        raise ValueError(message)
    return name, port


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
    query = {name: str(value) for name, value in url.query.items() if name not in others}
    arguments: dict[str, object] = {"dsn": f"postgresql://?{urlencode(query)}"} if query else {}
    if query.get("sslrootcert") == "system":
        arguments["ssl"] = tls.system_context(query)
    return arguments
