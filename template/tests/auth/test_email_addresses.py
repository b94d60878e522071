"""Tests of e-mail addresses of accounts: one form per address, which every SMTP server accepts."""

import string
from unicodedata import normalize

import pytest
from email_validator import validate_email
from pydantic import TypeAdapter, ValidationError

from app.auth import admin
from app.schemas.user import Email, normalize_email

PUNYCODE = "ann@xn--bcher-kva.example.com"
SYMBOLS = "!#$%&'*+-/=?^_`{|}~"  # allowed in a local part (RFC 5322, section 3.2.3)
NON_ASCII = "jürgen@example.com"
REJECTED = (
    *(NON_ASCII, "josé.garcía@example.com", "用户@example.com", "ａnn@example.com"),
    *("jürgen@bücher.example.com", "=?utf-8?q?a?=@example.com", "=?a@example.com"),
    *('"a b"@example.com', "a\n@example.com", "a\0@example.com", "a@-.com", "a@xn--.com", "@", ""),
)


@pytest.mark.parametrize(
    "text",
    [
        *("Ann@Bücher.example.com", "ann@BÜCHER.example.com"),
        normalize("NFD", "ann@bücher.example.com"),
        *("ANN@XN--BCHER-KVA.example.com", "ann@ｂücher.example.com", "ann@bücher。example.com"),
    ],
)
def test_spellings_of_one_address_are_equal(text: str) -> None:
    assert TypeAdapter(Email).validate_python(text) == PUNYCODE
    assert normalize_email(text) == PUNYCODE


@pytest.mark.parametrize("domain", ["straße.de", "пример.рф", "例え.jp", "a.καλό.gr", "a.com"])
def test_domain_is_encoded_by_idna_2008(domain: str) -> None:
    expected = validate_email(f"ann@{domain}", check_deliverability=False).ascii_email
    assert TypeAdapter(Email).validate_python(f"ann@{domain}") == expected


@pytest.mark.parametrize("local", [*(string.digits + SYMBOLS), SYMBOLS[::-1], "x" * 64, "a.b"])
def test_ascii_address_is_accepted(local: str) -> None:
    address = f"{local}@example.com"
    assert TypeAdapter(Email).validate_python(address) == address


@pytest.mark.parametrize("text", REJECTED)
def test_unsupported_address_is_rejected(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Email).validate_python(text)
    assert normalize_email(text) == text


def test_create_admin_with_non_ascii_address_exits() -> None:
    with pytest.raises(SystemExit, match="Invalid e-mail address: 'jürgen@example.com'"):
        admin.parse_email(NON_ASCII)
