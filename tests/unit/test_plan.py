"""The plan, the Jinja context of the template, is computed from valid answers."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from copier.errors import UserMessageError
from packaging.requirements import Requirement

from extensions.slipway_template.answers import auth_default, description_problem, name_problem, questions, validated
from extensions.slipway_template.plan import plan, slug
from extensions.slipway_template.quoting import quoted, toml, wrapped
from tests.harness.checks import requirements
from tests.harness.combinations.questions import all_questions
from tests.harness.findings import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ODD = ["Shop", 'The "Shop"', "Bob's", r"C:\new", "Söhne", "産", "{{ 7*7 }}", "🚀", "'\"", '\'""\\"', "\\", "${HOME}"]
BAD = ["", " ", " a", "a ", "a\nb", "a\tb", "\x7f", "a\u2028b", "a\u200bb", "a" * 161, 7, None]

DEFAULT = all_questions().default
COVERING = all_questions().covering(2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Product API", "product-api"),
        ("Käse & Co", "kase-co"),
        ("  3D -- Prints!  ", "3d-prints"),
        ("Ærø", "r"),
        ("产品目录", "service"),
        ("---", "service"),
    ],
)
def test_project_name_slug_is_lowercase_ascii(name: str, expected: str) -> None:
    assert slug(name) == expected


@pytest.mark.parametrize("name", ODD)
def test_unusual_project_name_has_valid_slug(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug(name))


@pytest.mark.parametrize("value", ODD)
def test_text_quoted_as_toml_is_parsed_unchanged(value: str) -> None:
    assert tomllib.loads(f"value = {toml(value)}") == {"value": value}


@pytest.mark.parametrize("value", ODD)
def test_text_quoted_as_python_is_parsed_unchanged(value: str) -> None:
    assert ast.literal_eval(quoted(value)) == value


@pytest.mark.parametrize("value", ODD)
def test_text_quoted_as_python_is_formatted_like_ruff(value: str, tmp_path: Path) -> None:
    (tmp_path / "value.py").write_text(f"value = {quoted(value)}\n", encoding="utf-8")
    assert not run("ruff", "format", "--check", "--isolated", "--no-cache", tmp_path)


@pytest.mark.parametrize("find", [name_problem, description_problem])
@pytest.mark.parametrize("value", BAD)
def test_invalid_name_or_description_is_reported(find: Callable[[object], str], value: object) -> None:
    assert re.fullmatch(r".*\.", find(value))


@pytest.mark.parametrize("value", [*ODD, "a" * 60])
def test_unusual_but_valid_name_and_description_are_accepted(value: str) -> None:
    assert name_problem(value) == description_problem(value) == ""


@pytest.mark.parametrize("answers", [{}, {"database": "sqlite"}, {"python_version": 3.12}, DEFAULT])
def test_valid_answers_are_returned_unchanged(answers: dict[str, Any]) -> None:
    assert validated(answers) == answers


def test_misspelt_question_is_rejected_with_suggestion() -> None:
    with pytest.raises(UserMessageError, match=r"^projekt_name: .* Did you mean project_name\?$"):
        validated({"projekt_name": "Shop"})


@pytest.mark.parametrize("answers", COVERING, ids=all_questions().label)
def test_plan_is_equal_after_json_encoding(answers: dict[str, str]) -> None:
    planned = plan(answers)
    assert json.loads(json.dumps(planned)) == planned


def test_plan_contains_only_chosen_feature_requirements() -> None:
    planned = plan(DEFAULT | {"database": "sqlite"})
    assert any(line.startswith("aiosqlite") for line in planned["runtime"])
    assert not any(line.startswith("asyncpg") for line in planned["runtime"])


def test_plan_includes_required_features() -> None:
    planned = plan(DEFAULT | {"features": ["ratelimit"]})
    assert planned["installs"] == [{"package": "app", "name": "ratelimit"}]
    assert "app/valkey.py" in planned["footprint"]
    assert {"name": "RATELIMIT_ENABLED", "value": "false"} in planned["test_environment"]


NOTE = {"name": "note", "owner": True, "fields": {"text": "text"}}
PIN = {"name": "pin", "fields": {"note": {"type": "ref", "to": "note"}}}


def test_owner_flag_is_ignored_without_accounts() -> None:
    answers = DEFAULT | {"auth": "none"}
    free = [NOTE | {"owner": False}, PIN]
    assert plan(answers | {"resources": [NOTE, PIN]}) == plan(answers | {"resources": free})


def test_owned_resource_table_references_user() -> None:
    planned = plan(DEFAULT | {"auth": "local", "resources": [NOTE, PIN]})
    note, pin = planned["resources"]
    assert (note["owner"], pin["owner"]) == (True, False)
    assert pin["owned_targets"] == [{"column": "note_id", "path": "notes"}]
    notes, pins = planned["tables"][-2:]
    assert notes["indexes"] == ["created_at", "owner_id"]
    assert [key["target"] for key in notes["foreign_keys"]] == ["users"]
    assert [key["target"] for key in pins["foreign_keys"]] == ["notes"]


@pytest.mark.parametrize("read", [{}, {"read": "public"}, {"read": "permission"}, {"read": "signed_in"}])
def test_default_readers_are_accounts(read: dict[str, str]) -> None:
    planned = plan(DEFAULT | {"auth": "local", "resources": [PIN | {"fields": {"title": "str"}} | read]})
    assert planned["resources"][0]["read"] == read.get("read", "signed_in")


def test_readers_of_owned_resource_need_permission() -> None:
    planned = plan(DEFAULT | {"auth": "oidc", "resources": [NOTE]})
    assert planned["resources"][0]["read"] == "permission"


def test_everyone_reads_resource_without_accounts() -> None:
    planned = plan(DEFAULT | {"auth": "none", "resources": [PIN | {"fields": {"title": "str"}}]})
    assert planned["resources"][0]["read"] == "public"


READERS: dict[str, dict[str, Any]] = {
    "public": {"read": "public"},
    "accounts": {},
    "permitted": {"read": "permission"},
    "owner": {"owner": True},
}
# By the referencing resource: the readers of referenced rows whose first text its responses may show.
SHOWN = {
    "public": {"public"},
    "accounts": {"public", "accounts"},
    "permitted": {"public", "accounts"},
    "owner": {"public", "accounts", "owner"},
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("target", READERS)
def test_summary_of_reference_is_shown_only_to_its_readers(reader: str, target: str) -> None:
    thing: dict[str, Any] = {"name": "thing", "fields": {"title": "str"}} | READERS[target]
    part: dict[str, Any] = {"name": "part", "fields": {"thing": {"type": "ref", "to": "thing"}}} | READERS[reader]
    planned = plan(DEFAULT | {"auth": "local", "resources": [thing, part]})
    summaries = planned["resources"][1]["schema"]["summaries"]
    assert [each["name"] for each in summaries] == ["thing"] * (target in SHOWN[reader])


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_summary_of_row_of_same_resource_is_shown(read: dict[str, Any]) -> None:
    thing = {"name": "thing", "fields": {"title": "str", "parent": {"type": "ref", "to": "thing", "optional": True}}}
    planned = plan(DEFAULT | {"auth": "local", "resources": [thing | read]})
    assert [each["name"] for each in planned["resources"][0]["schema"]["summaries"]] == ["parent"]


@pytest.mark.parametrize("read", ["signed_in", "permission"])
def test_restricted_resource_without_accounts_is_rejected(read: str) -> None:
    resources = [{"name": "guest", "read": read, "fields": {"name": "str"}}]
    message = f"^auth: everyone could read everything, but the resource guest declares `read: {read}`. Choose local"
    for answer in (resources, json.dumps(resources)):
        with pytest.raises(UserMessageError, match=message):
            validated({"auth": "none", "resources": answer})
        for auth in ("local", "oidc"):
            assert validated({"auth": auth, "resources": answer})
    with pytest.raises(UserMessageError, match=message):
        plan(DEFAULT | {"auth": "none", "resources": resources})
    public = [resources[0] | {"read": "public"}]
    assert validated({"auth": "none", "resources": public})
    assert (auth_default(resources), auth_default(public)) == ("local", "none")


def test_requirements_in_plan_are_unique_and_sorted() -> None:
    for answers in COVERING:
        for part in ("runtime", "test", "lint"):
            listed = plan(answers)[part]
            assert listed[1:] + listed[:1] == sorted(set(listed))


def test_service_named_like_library_does_not_require_itself() -> None:
    """Locking fails for a distribution that requires its own name."""
    for library in [Requirement(line).name for line in requirements.ALL]:
        planned = plan(DEFAULT | {"project_name": library})
        required = [line for part in ("runtime", "test", "lint") for line in planned[part]]
        assert planned["slug"] not in {Requirement(line).name for line in required}


def test_long_list_entry_is_wrapped_outside_inline_code() -> None:
    lines = wrapped(f"- {'word ' * 21}`uv run app dev` and {'more ' * 30}").splitlines()
    assert [line[:16] for line in lines] == ["- word word word", "  `uv run app de", "  more more more"]
    assert max(map(len, lines)) <= 120


def test_template_questions_exclude_hidden_questions() -> None:
    assert {"given", "plan"}.isdisjoint(questions())
    assert "project_name" in questions()


@pytest.mark.parametrize("name", [*ODD, "a" * 60, "ﬃ" * 60, "a-" * 30])
def test_kubernetes_namespace_with_stage_fits_dns_label(name: str) -> None:
    namespace = plan(DEFAULT | {"project_name": name})["namespace"]
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", namespace)
    assert len(f"{namespace}-production") <= 63


def test_compose_servers_are_confined_like_the_service() -> None:
    everything = DEFAULT | {"auth": "local", "tasks": "taskiq"}
    servers = plan(everything)["compose"]
    assert set(servers) == {"postgresql", "valkey"}
    for name, server in servers.items():
        confined = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}
        assert confined.items() <= server.items(), name
        assert server["user"] not in {"", "root"}
        assert "/tmp" in server["tmpfs"]  # noqa: S108 - the container's
        assert "ports" not in server
