"""Settings: a mistake is told by the variable's name and its mend, never by its value."""

from pathlib import Path

import pytest
from pydantic import Field, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from app.settings import (
    PLACEHOLDERS,
    ConfigurationError,
    Environment,
    EnvironmentSettings,
    Settings,
    Strings,
    read,
)

VALUE = "s3cr3t-v4lue"


class SampleSettings(EnvironmentSettings):
    """Settings with a bit of everything."""

    model_config = SettingsConfigDict(env_prefix="SAMPLE_")

    size: PositiveInt = Field(1, description="Set it to a whole number.")
    words: Strings = Field((), description="Set it to words.")
    key: SecretStr = Field(SecretStr(""), description="Set it to a long random text.")


class DemandingSettings(EnvironmentSettings):
    """Settings that cannot do without a variable."""

    sample_needed: str = Field(description="Set it to anything.")


def test_production_is_what_is_not_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENVIRONMENT")
    assert read(Settings).environment is Environment.PRODUCTION


@pytest.mark.parametrize(
    ("given", "expected"),
    [("", ()), ("a", ("a",)), ("a, b,", ("a", "b")), ('["a", "b, c"]', ("a", "b, c"))],
)
def test_a_list_is_read_with_commas_or_as_json(
    monkeypatch: pytest.MonkeyPatch, given: str, expected: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SAMPLE_WORDS", given)
    assert read(SampleSettings).words == expected


@pytest.mark.parametrize("name", ["SAMPLE_SIZE", "SAMPLE_WORDS"])
def test_a_mistake_names_the_variable_and_the_mend_but_not_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f"[{VALUE}")
    with pytest.raises(ConfigurationError) as caught:
        read(SampleSettings)
    assert name in str(caught.value)
    assert "Set it to" in str(caught.value)
    assert VALUE not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match="SAMPLE_NEEDED: is missing. Set it to anything."):
        read(DemandingSettings)


@pytest.mark.parametrize("placeholder", sorted(PLACEHOLDERS))
def test_a_placeholder_is_no_secret_in_production(
    monkeypatch: pytest.MonkeyPatch, placeholder: str
) -> None:
    monkeypatch.setenv("SAMPLE_KEY", placeholder)
    assert read(SampleSettings).key.get_secret_value() == placeholder
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ConfigurationError, match="SAMPLE_KEY: its secret is a placeholder"):
        read(SampleSettings)


def test_a_file_is_read_and_the_environment_overrules_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "settings"
    file.write_text("SAMPLE_SIZE=2\nSAMPLE_WORDS=a,b\nOF_ANOTHER=1\n")
    monkeypatch.setenv("ENV_FILE", str(file))
    monkeypatch.setenv("SAMPLE_WORDS", "c")
    assert read(SampleSettings).size == 2
    assert read(SampleSettings).words == ("c",)


def test_no_secret_shows_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_KEY", VALUE)
    assert VALUE not in repr(read(SampleSettings))
