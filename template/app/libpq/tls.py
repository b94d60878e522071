"""TLS parameters of libpq's URLs: checks of their files, and the context of the system's CAs."""

import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

FILES = ("sslrootcert", "sslcrl", "sslcert", "sslkey")
VERIFIED = ("verify-ca", "verify-full")
ENCRYPTED = ("require", *VERIFIED)


def check(parameters: dict[str, str]) -> dict[str, str]:
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
    _check_root(parameters, mode)
    if "sslkey" in parameters and "sslcert" not in parameters:
        message = "Its sslkey needs sslcert"
        raise ValueError(message)
    _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), parameters)
    return parameters


def _check_root(parameters: Mapping[str, str], mode: str) -> None:
    """Check that there is a CA certificate, in a variable or a file of libpq, too."""
    if {"sslrootcert", "service"} & parameters.keys():
        return
    variable = os.environ.get("PGSSLROOTCERT", "")
    if variable == "system":  # asyncpg reads a file of this name
        message = "PGSSLROOTCERT=system is not supported: write sslrootcert=system in the URL"
        raise ValueError(message)
    if mode in VERIFIED and not variable and not is_in_home(".postgresql/root.crt"):
        message = f"Its sslmode={mode} needs sslrootcert: a file of CA certificates, or system"
        raise ValueError(message)


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


def system_context(parameters: Mapping[str, str]) -> ssl.SSLContext:
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
