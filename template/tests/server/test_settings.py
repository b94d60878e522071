"""Tests of settings: errors name the variable, the problem and the fix, never the value."""

import re
from pathlib import Path
from typing import Annotated, get_args

import pytest
from pydantic import AfterValidator, AliasChoices, Field, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict
from sqlalchemy import URL

from app.checks import settings_classes
from app.settings import (
    PLACEHOLDERS,
    Choice,
    ConfigurationError,
    Environment,
    EnvironmentSettings,
    Settings,
    Strings,
    parse_url,
    read,
    reject_parameters,
)

VALUE = "s3cr3t-v4lue"


def reject(value: str) -> str:
    """Raise an error that does not contain the value."""
    _ = value
    message = "It is not a word"
    raise ValueError(message)


class Size(Choice):
    """Sizes of shirts."""

    SMALL = "S"
    LARGE = "large"


class SampleSettings(EnvironmentSettings):
    """Settings of several types."""

    model_config = SettingsConfigDict(env_prefix="SAMPLE_")

    size: PositiveInt = Field(1, description="Set it to a whole number.")
    words: Strings = Field((), description="Set it to words.")
    shirt: Size = Field(Size.SMALL, description="Set it to S or large.")
    count: int | None = Field(None, description="Set it to a number.")
    on: bool = Field(default=False, description="Set it to true or false.")
    key: SecretStr = Field(SecretStr(""), description="Set it to a long random text.")


class RejectingSettings(EnvironmentSettings):
    """Settings whose variable is always invalid."""

    sample_word: Annotated[str, AfterValidator(reject)] = Field(description="Set it to a word.")


class RequiredSettings(EnvironmentSettings):
    """Settings with a required variable."""

    sample_needed: str = Field(description="Set it to anything.")


class AliasedSettings(EnvironmentSettings):
    """Settings of variables without the prefix."""

    model_config = SettingsConfigDict(env_prefix="SAMPLE_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    size: PositiveInt = Field(
        1,
        validation_alias=AliasChoices("SAMPLE_SIZE", "SIZE"),
        description="Set it to a whole number.",
    )


def test_environment_defaults_to_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENVIRONMENT")
    assert read(Settings).environment is Environment.PRODUCTION


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", ()), ("a", ("a",)), ("a, b,", ("a", "b")), ('["a", "b, c"]', ("a", "b, c"))],
)
def test_list_setting_is_parsed_from_commas_or_json(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SAMPLE_WORDS", value)
    assert read(SampleSettings).words == expected


@pytest.mark.parametrize("name", ["SAMPLE_SIZE", "SAMPLE_WORDS"])
def test_invalid_setting_error_hides_value(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, f"[{VALUE}")
    with pytest.raises(ConfigurationError) as caught:
        read(SampleSettings)
    assert name in str(caught.value)
    assert "Set it to" in str(caught.value)
    assert VALUE not in str(caught.value)
    assert caught.value.__cause__ is None


def test_missing_variable_error_names_fix() -> None:
    with pytest.raises(
        ConfigurationError, match=r"^SAMPLE_NEEDED: missing\. Set it to anything\.$"
    ):
        read(RequiredSettings)


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("ENVIRONMENT", "Set it to development, test or production."),
        ("SAMPLE_SIZE", "Set it to a whole number."),
    ],
)
def test_invalid_aliased_setting_error_names_variable_and_fix(
    monkeypatch: pytest.MonkeyPatch, name: str, fix: str
) -> None:
    monkeypatch.setenv(name, "prod")
    with pytest.raises(ConfigurationError, match=rf"^{name}: [^\n]*\. {re.escape(fix)}$"):
        read(AliasedSettings)


@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    for name in ("SIZE", "WORDS", "SHIRT", "COUNT", "ON", "KEY"):
        monkeypatch.setenv(f"SAMPLE_{name}", value)
    assert read(SampleSettings) == SampleSettings()
    monkeypatch.setenv("SAMPLE_NEEDED", value)
    with pytest.raises(ConfigurationError, match=r"^SAMPLE_NEEDED: missing\."):
        read(RequiredSettings)


def test_white_space_around_value_is_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SAMPLE_KEY", f" {VALUE}\r\n")
    monkeypatch.setenv("SAMPLE_NEEDED", " a b\n")
    assert read(SampleSettings).key.get_secret_value() == VALUE
    assert read(RequiredSettings).sample_needed == "a b"
    monkeypatch.delenv("SAMPLE_NEEDED")
    (tmp_path / "settings").write_text('SAMPLE_NEEDED=" c "\n')
    monkeypatch.setenv("ENV_FILE", str(tmp_path / "settings"))
    assert read(RequiredSettings).sample_needed == "c"


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quotes_around_value_are_rejected(monkeypatch: pytest.MonkeyPatch, quote: str) -> None:
    monkeypatch.setenv("SAMPLE_NEEDED", f"{quote}{VALUE}{quote}\n")
    with pytest.raises(ConfigurationError, match="SAMPLE_NEEDED: in quotes. Leave out") as caught:
        read(RequiredSettings)
    assert VALUE not in str(caught.value)
    monkeypatch.setenv("SAMPLE_NEEDED", f'"Shop" <{VALUE}@example.com>')
    assert read(RequiredSettings).sample_needed.startswith('"Shop"')


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("SAMPLE_SHIRT", "LARGE", Size.LARGE),
        ("SAMPLE_SHIRT", "s", Size.SMALL),
        ("SAMPLE_ON", "TRUE", True),
    ],
)
def test_choices_are_case_insensitive(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: object
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("ENVIRONMENT", "Development")
    assert expected in dict(read(SampleSettings)).values()
    assert read(Settings).environment is Environment.DEVELOPMENT


def test_url_is_parsed_with_lower_case_scheme() -> None:
    url = parse_url(" REDISS://u:p%40ss@h:1/0?db=1\n")
    assert (url.drivername, url.password, url.port) == ("rediss", "p@ss", 1)
    reject_parameters(url, ["db"])
    with pytest.raises(ValueError, match=r"^Its parameter db is not supported, only tls$"):
        reject_parameters(url, ["tls"])


@pytest.mark.parametrize("value", ["hunter2", "", "smtp://hunter2:x:y@h:z"])
def test_invalid_url_error_hides_url(value: str) -> None:
    with pytest.raises(ValueError, match=r"^It is not a URL$") as caught:
        parse_url(value)
    assert caught.value.__cause__ is None


def test_setting_error_contains_variable_and_validator_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SAMPLE_WORD", VALUE)
    with pytest.raises(ConfigurationError) as caught:
        read(RejectingSettings)
    assert str(caught.value) == "SAMPLE_WORD: not a word. Set it to a word."


@pytest.mark.parametrize("placeholder", sorted(PLACEHOLDERS))
def test_placeholder_secret_is_rejected_in_production(
    monkeypatch: pytest.MonkeyPatch, placeholder: str
) -> None:
    monkeypatch.setenv("SAMPLE_KEY", placeholder)
    assert read(SampleSettings).key.get_secret_value() == placeholder
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ConfigurationError, match="SAMPLE_KEY: its secret is a placeholder"):
        read(SampleSettings)


def test_environment_variable_overrides_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "settings"
    file.write_text("SAMPLE_SIZE=2\nSAMPLE_WORDS=a,b\nOF_ANOTHER=1\n")
    monkeypatch.setenv("ENV_FILE", str(file))
    monkeypatch.setenv("SAMPLE_WORDS", "c")
    assert read(SampleSettings).size == 2
    assert read(SampleSettings).words == ("c",)


@pytest.mark.parametrize("content", [None, "SAMPLE_SIZE=2 # \xe9\n".encode("latin-1")])
def test_unreadable_env_file_is_rejected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "settings"
    if content:
        file.write_bytes(content)
    monkeypatch.setenv("ENV_FILE", str(file))
    with pytest.raises(ConfigurationError, match=r"^ENV_FILE: .* cannot be read as UTF-8\. Set it"):
        read(SampleSettings)


def test_default_env_file_is_optional(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ENV_FILE")
    monkeypatch.chdir(tmp_path)
    assert read(SampleSettings).size == 1
    (tmp_path / ".env").write_text("SAMPLE_SIZE=2\n")
    assert read(SampleSettings).size == 2


def test_settings_repr_hides_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_KEY", VALUE)
    assert VALUE not in repr(read(SampleSettings))


def test_settings_repr_hides_urls() -> None:
    """Users and parameters of URLs may be secrets, too."""
    urls = {
        f"{kind.__name__}.{name}": field.repr
        for kind in settings_classes(EnvironmentSettings)
        for name, field in kind.model_fields.items()
        if URL in {field.annotation, *get_args(field.annotation)}
        or any(URL in get_args(each) for each in get_args(field.annotation))
    }
    assert [name for name, is_shown in urls.items() if is_shown] == []
