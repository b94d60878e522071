"""The defaults in `.env.example` equal those of the service's settings classes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from extensions.slipway_template.catalogue.model import Setting
from tests.harness.combinations.questions import all_questions, choices
from tests.harness.findings import assert_no_findings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

FEATURES = choices(all_questions().questions["features"])
EVERYTHING: list[Answers] = [
    {"auth": "local", "tasks": "taskiq", "features": FEATURES},
    {"auth": "oidc", "tasks": "celery", "features": FEATURES, "database": "sqlite"},
]
STATED = re.compile(r"^# .* Default: (?P<default>.+?)(?:\.|; example:)\n# (?P<name>\w+)=", re.MULTILINE)
# Run in a service: compare each field with itself once its variable has the stated default.
COMPARE = """
import json, os, sys
from importlib import import_module
from pkgutil import walk_packages
from pydantic import AliasChoices
from pydantic_settings import BaseSettings
import app

def classes(parent):
    for each in parent.__subclasses__():
        yield from [each, *classes(each)]

def variable(kind, name, field):
    alias = field.validation_alias or f"{kind.model_config.get('env_prefix') or ''}{name}"
    return (alias.choices[0] if isinstance(alias, AliasChoices) else alias).upper()

def read(kind, name, **changes):
    os.environ.update(changes)
    value = getattr(kind(_env_file=None), name)
    for each in changes:
        del os.environ[each]
    return value

stated, unset, found = json.loads(sys.argv[1]), sys.argv[3:], []
for module in walk_packages(app.__path__, "app."):
    if not module.name.endswith("__main__"):
        import_module(module.name)
os.environ |= {"DATABASE_URL": sys.argv[2], "ENVIRONMENT": "test"}
seen = set()
for kind in {each for each in classes(BaseSettings) if each.__module__.startswith("app.")}:
    for name, field in kind.model_fields.items():
        key = variable(kind, name, field)
        seen.add(key)
        if key == "ENVIRONMENT":
            if field.default != stated[key]:
                found.append(f"{key}: the default is {field.default}")
        elif key in stated and read(kind, name) != read(kind, name, **{key: stated[key]}):
            found.append(f"{key}: the default is {read(kind, name)}")
        elif key in unset and read(kind, name):
            found.append(f"{key}: state its default, {read(kind, name)}")
found += [f"{key}: no settings class has it" for key in sorted(stated.keys() - seen)]
print("\\n".join(sorted(found)))
"""


@pytest.mark.parametrize("answers", EVERYTHING, ids=lambda answers: answers["auth"])
def test_env_example_defaults_equal_settings_class_defaults(
    answers: Answers, serve: Callable[[Answers], Service]
) -> None:
    service = serve(answers)
    text = (service.directory / ".env.example").read_text(encoding="utf-8")
    stated = {match["name"]: match["default"] for match in STATED.finditer(text)}
    assert len(stated) > 40
    url = "sqlite:///app.db" if "database" in answers else "postgresql://app@localhost/app"
    undefaulted = re.findall(r"Unset by default; example:\n# (\w+)=", text)
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, json.dumps(stated), url, *undefaulted],
        cwd=service.directory,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    assert_no_findings(done.stdout.strip())


def test_env_example_values_are_defaults_or_examples(serve: Callable[[Answers], Service]) -> None:
    text = (serve(EVERYTHING[0]).directory / ".env.example").read_text(encoding="utf-8")
    names = re.findall(r"^# ([A-Z][A-Z0-9_]*)=", text, re.MULTILINE)
    described = re.findall(r"^# .* (?:Default: .+\.|.*; example:)\n# ([A-Z][A-Z0-9_]*)=", text, re.MULTILINE)
    assert names == described


@pytest.mark.parametrize(
    ("setting", "comment"),
    [
        (Setting(name="A", example="1", meaning="A.", default="1"), "Default: 1."),
        (Setting(name="A", example="2", meaning="A.", default="1"), "Default: 1; example:"),
        (Setting(name="A", example="2", meaning="A.", is_needed=True), "Required in production; example:"),
        (Setting(name="A", example="2", meaning="A."), "Unset by default; example:"),
    ],
)
def test_setting_comment_states_default_or_example(setting: Setting, comment: str) -> None:
    assert setting.value_comment == comment
