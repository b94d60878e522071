"""Tests of PostgreSQL's URLs: those of hosting providers, and every parameter of libpq."""

from pathlib import Path

import pytest
import trustme
from sqlalchemy import make_url

from app import settings
from app.libpq.parameters import FIXES, HONORED, IGNORED
from app.libpq.url import driver_arguments, hosts_of, parse_url, server_url
from app.postgresql import DatabaseSettings

START = "postgresql+asyncpg://"

# PostgreSQL 18, section 34.1.2, with the result here.
ACCEPTED, REJECTED = "accepted", "rejected"
LIBPQ = {
    "host=db": ACCEPTED,
    "hostaddr=10.0.0.1": REJECTED,
    "port=5433": ACCEPTED,
    "dbname=shop": ACCEPTED,
    "user=app": ACCEPTED,
    "password=hunter2": ACCEPTED,
    "passfile=/run/pgpass": ACCEPTED,
    "require_auth=scram-sha-256": REJECTED,
    "channel_binding=require": ACCEPTED,
    "connect_timeout=10": ACCEPTED,
    "client_encoding=UTF8": ACCEPTED,
    "client_encoding=LATIN1": REJECTED,
    "options=-csearch_path%3Dsales": ACCEPTED,
    "options=-cstatement_timeout%3D5s": REJECTED,
    "application_name=shop": ACCEPTED,
    "fallback_application_name=shop": ACCEPTED,
    "keepalives=1": ACCEPTED,
    "keepalives_idle=30": ACCEPTED,
    "keepalives_interval=10": ACCEPTED,
    "keepalives_count=5": ACCEPTED,
    "tcp_user_timeout=1000": ACCEPTED,
    "replication=false": ACCEPTED,
    "replication=database": REJECTED,
    "gssencmode=prefer": ACCEPTED,
    "gssencmode=require": REJECTED,
    "sslmode=require": ACCEPTED,
    "sslmode=required": REJECTED,
    "requiressl=1": REJECTED,
    "sslnegotiation=direct": REJECTED,  # without sslmode
    "sslnegotiation=postgres": ACCEPTED,
    "sslcompression=0": ACCEPTED,
    "sslcert=/missing": REJECTED,
    "sslkey=/missing": REJECTED,
    "sslkeylogfile=/tmp/keys": REJECTED,
    "sslpassword=secret": ACCEPTED,
    "sslcertmode=allow": ACCEPTED,
    "sslcertmode=require": REJECTED,
    "sslrootcert=/missing": REJECTED,
    "sslrootcert=system": ACCEPTED,
    "sslcrl=/missing": REJECTED,
    "sslcrldir=/missing": REJECTED,
    "sslsni=1": ACCEPTED,
    "sslsni=0": REJECTED,
    "requirepeer=postgres": REJECTED,
    "ssl_min_protocol_version=TLSv1.3": ACCEPTED,
    "ssl_max_protocol_version=TLSv1.3": ACCEPTED,
    "ssl_max_protocol_version=SSLv3": REJECTED,
    "min_protocol_version=3.0": ACCEPTED,
    "min_protocol_version=3.2": REJECTED,
    "max_protocol_version=latest": ACCEPTED,
    "krbsrvname=postgres": ACCEPTED,
    "gsslib=gssapi": ACCEPTED,
    "gsslib=other": REJECTED,
    "gssdelegation=0": ACCEPTED,
    "gssdelegation=1": REJECTED,
    "scram_client_key=a2V5": REJECTED,
    "scram_server_key=a2V5": REJECTED,
    "service=shop": ACCEPTED,
    "servicefile=/run/services": REJECTED,
    "target_session_attrs=read-write": ACCEPTED,
    "target_session_attrs=master": REJECTED,
    "load_balance_hosts=disable": ACCEPTED,
    "load_balance_hosts=random": REJECTED,
    "oauth_issuer=https://id.example": REJECTED,
    "oauth_client_id=app": REJECTED,
    "oauth_client_secret=hunter2": REJECTED,
    "oauth_scope=openid": REJECTED,
    # of hosting providers and other drivers
    "supa=base-pooler.x": ACCEPTED,
    "connection_limit=1": ACCEPTED,
    "pool_timeout=15": ACCEPTED,
    "schema=public": ACCEPTED,
    "schema=sales": REJECTED,
    "ssl=true": ACCEPTED,
    "sslmode=no-verify": ACCEPTED,
    "uselibpqcompat=true": ACCEPTED,
    "pgbouncer=true": ACCEPTED,  # but see the settings
    "statement_timeout=5000": REJECTED,
    "pool_size=5": REJECTED,
    "currentSchema=sales": REJECTED,
    "prepared_statement_cache_size=0": REJECTED,
    "unknown=1": REJECTED,
}


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the client's variables and files of the person who runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGPASSFILE", "PGPASSWORD", "PGSSLCERT", "PGSSLMODE", "PGSSLROOTCERT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def service_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create the file of services, and return its path."""
    path = tmp_path / "services"
    path.write_text("[shop]\nhost=h\n")
    monkeypatch.setenv("PGSERVICEFILE", str(path))
    return path


@pytest.mark.parametrize("line", ["hunter2", "password=x%hunter2", "[shop]"])
def test_malformed_service_file_is_rejected_without_its_lines(
    service_file: Path, line: str
) -> None:
    service_file.write_text(f"[shop]\n{line}\n")
    with pytest.raises(ValueError, match="file of its service is not valid") as caught:
        parse_url("postgresql://?service=shop")
    assert "hunter2" not in str(caught.value)


def test_service_without_home_directory_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGSERVICEFILE")
    monkeypatch.setenv("HOME", "~")  # as without an entry in /etc/passwd
    with pytest.raises(ValueError, match="service is not in the file"):
        parse_url("postgresql://?service=shop")


def test_root_certificate_of_system_must_be_in_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", "system")
    with pytest.raises(ValueError, match="write sslrootcert=system in the URL"):
        parse_url("postgresql://h/d?sslmode=verify-full")
    parse_url("postgresql://h/d?sslrootcert=system")


def text(url: str) -> str:
    """Return a parsed URL as text, with its password."""
    return parse_url(url).render_as_string(hide_password=False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        # Heroku, Crunchy Bridge, Railway
        ("postgres://u:p@ec2-1.example:5432/d", "u:p@ec2-1.example:5432/d"),
        # Render: internal, without port
        ("postgresql://u:p@dpg-c1-a/d", "u:p@dpg-c1-a/d"),
        # Fly.io
        (
            "postgres://u:p@app.flycast:5432/d?sslmode=disable",
            "u:p@app.flycast:5432/d?sslmode=disable",
        ),
        # DigitalOcean, Aiven, Timescale
        (
            "postgres://u:p@db.example:25060/defaultdb?sslmode=require",
            "u:p@db.example:25060/defaultdb?sslmode=require",
        ),
        # Neon: psql command, and clients without SNI
        (
            "postgresql://u:p@ep-1.neon.tech/d?sslmode=require&channel_binding=require",
            "u:p@ep-1.neon.tech/d?sslmode=require",
        ),
        (
            "postgresql://u:p@ep-1.neon.tech/d?options=endpoint%3Dep-1&sslmode=require",
            "u:p@ep-1.neon.tech/d?options=endpoint%3Dep-1&sslmode=require",
        ),
        # Supabase, Vercel
        (
            "postgres://u.ref:p@aws-0.pooler.supabase.com:5432/postgres?supa=base-pooler.x&sslmode=require",
            "u.ref:p@aws-0.pooler.supabase.com:5432/postgres?sslmode=require",
        ),
        # Azure, with the server in the user's name
        (
            "postgresql://u%40srv:p@srv.example:5432/d?sslmode=require",
            "u%40srv:p@srv.example:5432/d?sslmode=require",
        ),
        # CockroachDB
        (
            "postgresql://u:p@h:26257/d?options=--cluster%3Dc-1",
            "u:p@h:26257/d?options=--cluster%3Dc-1",
        ),
        # Cloud SQL and App Engine: Unix sockets
        ("postgresql://u:p@/d?host=/cloudsql/p:r:i", "u:p@/d?host=%2Fcloudsql%2Fp%3Ar%3Ai"),
        ("postgresql://u:p@%2Fcloudsql%2Fp%3Ar%3Ai/d", "u:p@/d?host=%2Fcloudsql%2Fp%3Ar%3Ai"),
        (
            "postgresql://u@/d?host=/run/postgresql&port=5433",
            "u@/d?host=%2Frun%2Fpostgresql&port=5433",
        ),
        # the query replaces the host, and a plus sign is one
        (
            "postgresql://u@localhost:1/d?host=/cloudsql/a:b:c&port=7&",
            "u@/d?host=%2Fcloudsql%2Fa%3Ab%3Ac&port=7",
        ),
        ("postgresql://u@h/d?password=a+b", "u:a+b@h/d"),
        # several hosts
        ("postgresql://u:p@a:5432,b:5433/d", "u:p@/d?host=a%2Cb&port=5432%2C5433"),
        ("postgresql://u:p@a,[::1]:5433/d", "u:p@/d?host=a%2C%3A%3A1&port=5432%2C5433"),
        ("postgresql://u:p@/d?host=a:1&host=b:2", "u:p@/d?host=a%2Cb&port=1%2C2"),
        ("postgresql://u:p@/d?host=a,b&port=1,2", "u:p@/d?host=a%2Cb&port=1%2C2"),
        ("postgresql://u:p@/d?host=a,::1&port=1", "u:p@/d?host=a%2C%3A%3A1&port=1%2C1"),
        # IPv6, and other parts
        ("postgresql://u:p@[::1]:5433/d", "u:p@[::1]:5433/d"),
        ("postgresql://?host=::1&user=u&password=p&dbname=d", "u:p@[::1]/d"),
        ("POSTGRESQL://h/d", "h/d"),
        ("Postgres+Psycopg2://h/d", "h/d"),
        (" postgresql://h/d\n", "h/d"),
        ("postgresql://u:p%40%2F%23@h/d", "u:p%40%2F%23@h/d"),
        ("postgresql://u:@h/d", "u@h/d"),
        ("postgresql://u:p@h", "u:p@h"),
        ("postgresql://u:p@h/", "u:p@h"),
        ("postgresql://h/d?ssl=true", "h/d?sslmode=require"),
        ("postgresql://h/d?ssl=true&sslmode=no-verify", "h/d?sslmode=require"),
        (
            "postgresql://h/d?ssl=true&sslmode=verify-full&sslrootcert=system",
            "h/d?sslmode=verify-full&sslrootcert=system",
        ),
        ("postgresql://h/d?sslrootcert=system", "h/d?sslmode=verify-full&sslrootcert=system"),
        ("postgresql://h/d?fallback_application_name=x", "h/d?application_name=x"),
    ],
)
def test_url_of_host_is_parsed(url: str, expected: str) -> None:
    assert text(url) == START + expected
    assert text(text(url)) == START + expected


@pytest.mark.parametrize(("parameter", "result"), LIBPQ.items(), ids=LIBPQ)
def test_parameter_is_accepted_or_rejected_by_name(parameter: str, result: str) -> None:
    name, _, value = parameter.partition("=")
    url = f"postgresql://app:p%40ss@db/shop?{parameter}"
    if result == ACCEPTED:
        parse_url(url)
        return
    with pytest.raises(ValueError, match=rf"\b{name}\b") as caught:
        parse_url(url)
    assert "p@ss" not in str(caught.value)
    assert value not in {"hunter2", "a2V5"} or value not in str(caught.value)


def test_every_parameter_is_tested() -> None:
    tested = {parameter.partition("=")[0] for parameter in LIBPQ}
    assert {*HONORED, *IGNORED} - tested == {"workaround"}
    assert FIXES.keys() - tested == {
        "lock_timeout",
        "max_overflow",
        "pool_recycle",
        "statement_cache_size",
    }


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "not a URL"),
        ("h/d", "not a URL"),
        ('"postgresql://u:hunter2@h/d"', "scheme"),
        ("jdbc:postgresql://h/d?user=u&password=hunter2", "starts with jdbc:"),
        ("mysql://u:hunter2@h/d", "scheme"),
        ("postgresql://u:hunter2@h/d e", "white space"),
        ("postgresql://u:hunter2\n@h/d", "white space"),
        ("postgresql://u:hunter2@h:x/d", "port"),
        ("postgresql://u:hunter2@h:70000/d", "port"),
        ("postgresql://u:hunter2@h:1:2/d", "hosts"),
        ("postgresql://u:hunter2@:5432/d", "hosts"),
        ("postgresql://u:hunter2@[::1/d", "hosts"),
        ("postgresql://u:hunter2@[]:5432/d", "hosts"),
        ("postgresql://u:hunter2@a,,b/d", "hosts"),
        ("postgresql://u:hunter2@h/d?SSLMODE=require", "write sslmode"),
        ("postgresql://u:hunter2@h/d?service=hunter2", "service"),
        ("postgresql://u:hunter2@h/d?options=-cSTATEMENT_TIMEOUT%3D5", "STATEMENT_TIMEOUT"),
        ("postgresql://u:hunter2@/d?host=a,b,c&port=1,2", "hosts and ports"),
        ("postgresql://u:hunter2@/d?port=6543", "port needs a host"),
        ("postgresql://u:hunter2@h/d?sslmode=disable&ssl=true", "ssl contradicts its sslmode"),
        ("postgresql://u:hunter2@h/d?sslmode=prefer&ssl=true", "ssl contradicts its sslmode"),
        ("postgresql://u:hunter2@h/d?sslmode=require&ssl=false", "ssl contradicts its sslmode"),
        ("postgresql://u:p#hunter2@h/d", "%23"),
        ("postgresql://u:p/hunter2@h/d", "%2F"),
        ("postgresql://u:p?hunter2=1@h/d", "%3F"),
        ("postgresql://u:p@x?hunter2@h/d", "%40"),
        ("postgresql://u:hunter2@h/d?sslmode", "name=value"),
        ("postgresql://u:hunter2@h/d?connect_timeout=5s", "connect_timeout"),
        ("postgresql://u:hunter2@h/d?sslmode=verify-full", "needs sslrootcert"),
        ("postgresql://u:hunter2@h/d?sslmode=require&sslrootcert=system", "verify-full"),
        (
            "postgresql://u:hunter2@h/d?sslmode=require&sslrootcert=/missing",
            "sslrootcert cannot be",
        ),
        ("postgresql://u:hunter2@h/d?sslmode=require&sslcert=/missing", "sslcert cannot be read"),
        ("postgresql://u:hunter2@h/d?sslmode=require&sslcrl=/missing", "sslcrl cannot be read"),
        ("postgresql://u:hunter2@h/d?sslmode=require&sslkey=/missing", "sslkey needs sslcert"),
        ("postgresql://u:hunter2@h/d?sslmode=require&sslrootcert=" + __file__, "PEM"),
    ],
)
def test_invalid_url_error_names_problem_and_hides_password(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        parse_url(url)
    assert "hunter2" not in str(caught.value)


def test_certificate_with_key_of_another_is_rejected(tmp_path: Path) -> None:
    authority = trustme.CA()
    files = [tmp_path / "a.pem", tmp_path / "b.pem"]
    for file in files:
        authority.issue_cert("app").private_key_and_cert_chain_pem.write_to_path(file)
    url = "postgresql://h/d?sslmode=require&sslcert={}&sslkey={}"
    assert parse_url(url.format(files[0], files[0])).query["sslkey"] == str(files[0])
    with pytest.raises(ValueError, match="sslkey or sslpassword does not match"):
        parse_url(url.format(*files))
    with pytest.raises(ValueError, match="sslkey cannot be read"):
        parse_url(url.format(files[0], tmp_path / "missing.pem"))


def test_only_addresses_stay_in_url_of_engine() -> None:
    url = parse_url(
        "postgresql://u:p@a,b/d?options=endpoint%3De&connect_timeout=3&application_name=x"
    )
    assert hosts_of(url) == ["a", "b"]
    assert dict(server_url(url).query) == {"host": "a,b", "port": "5432,5432"}
    assert driver_arguments(url) == {"dsn": "postgresql://?options=endpoint%3De&application_name=x"}
    assert driver_arguments(make_url("postgresql://h/d")) == {}


def test_url_with_pgbouncer_requires_setting_of_pooler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "DATABASE_URL", "postgresql://u:p@h:6543/d?pgbouncer=true&connection_limit=1"
    )
    with pytest.raises(settings.ConfigurationError, match="DATABASE_POOLER=transaction"):
        settings.read(DatabaseSettings)
    monkeypatch.setenv("DATABASE_POOLER", "transaction")
    assert settings.read(DatabaseSettings).url.port == 6543


def test_settings_repr_hides_password_of_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://h/d?sslpassword=hunter2")
    assert "hunter2" not in repr(settings.read(DatabaseSettings))
