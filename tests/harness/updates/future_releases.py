"""Simulate future releases, which change the template in ways that no past release did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.harness.workspace import git

if TYPE_CHECKING:
    from pathlib import Path

MOVE = '\n[[moves]]\nversion = "{version}"\nfrom = "{old}"\n{to}\n'


def replace(path: Path, old: str, new: str) -> None:
    """Replace a text in a file, or fail if it does not occur."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has no {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def declare(template: Path, version: str, old: str, to: str) -> None:
    """Append a path's new location, or the reason of its deletion, to `moves.toml`."""
    with (template / "updates" / "moves.toml").open("a", encoding="utf-8") as moves:
        moves.write(MOVE.format(version=version, old=old, to=to))


def rename_file(template: Path, version: str) -> None:
    """Rename a page that every service has, and change its text."""
    old, new = (template / "template" / "docs" / f"{name}.md" for name in ("image", "container"))
    old.rename(new)
    replace(new, "# ", "# Container: ")
    declare(template, version, "docs/image.md", 'to = "docs/container.md"')


def rename_resource_files(template: Path, version: str) -> None:
    """Rename the directory `app/enums`, which has one file per resource, and declare it by a pattern."""
    kinds = template / "template" / "app" / "kinds"
    git(template, "mv", "template/app/enums", kinds.relative_to(template).as_posix())
    for name in ("catalogue/service.py", "catalogue/jobs.py", "language/reserved.py"):
        replace(template / "extensions" / "slipway_template" / name, '"app/enums', '"app/kinds')
    declare(template, version, "app/enums/*.py", 'to = "app/kinds/*.py"')


def rename_file_undeclared(template: Path, _: str) -> None:
    """Rename a file without declaring the move."""
    (template / "template" / "docs" / "image.md").rename(template / "template" / "docs" / "container.md")


def drop_file(template: Path, version: str) -> None:
    (template / "template" / "docs" / "image.md").unlink()
    declare(template, version, "docs/image.md", 'why = "The image says it itself."')


def move_divider(template: Path, _: str) -> None:
    """Move the comment between the template's and the service's requirements in `pyproject.toml`."""
    requirements = template / "template" / "pyproject.toml.jinja"
    replace(requirements, "    # The lines above come from the template; those below are the service's own.\n", "")
    replace(requirements, "dependencies = [\n", "dependencies = [\n    # The service's own stand at the end.\n")


def split_file(template: Path, _: str) -> None:
    """Move the second half of a file to a new file."""
    page = template / "template" / "docs" / "image.md"
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    page.write_text("".join(lines[: len(lines) // 2]), encoding="utf-8")
    (page.parent / "image-built.md").write_text("".join(lines[len(lines) // 2 :]), encoding="utf-8")


def rename_question(template: Path, _: str) -> None:
    """Rename a Copier question.

    The new question's default is the answer to the old one.
    """
    questions = template / "copier.yml"
    replace(questions, "project_description", "summary")
    replace(questions, "Keeps the products of a shop.", "\"{{ project_description | default('Keeps a shop.') }}\"")
    replace(questions, '"summary": summary', '"project_description": summary')
    replace(
        template / "extensions" / "slipway_template" / "answers.py",
        '"project_description": description_problem',
        '"summary": description_problem',
    )


def rename_choice(template: Path, _: str) -> None:
    """Rename a choice of a question.

    A new question reads the old answer, because Copier would drop the old choice.
    """
    questions = template / "copier.yml"
    default = "{{ {'sqlite': 'file'}.get(database, database) if database is defined else 'postgresql' }}"
    replace(questions, "\ndatabase:\n", "\nstorage:\n")
    replace(questions, "default: postgresql\n", f'default: "{default}"\n')
    replace(questions, "one instance, one file: sqlite", "one instance, one file: file")
    replace(questions, '"database": database', "\"database\": {'file': 'sqlite'}.get(storage, storage)")


def drop_choice(template: Path, _: str) -> None:
    """Drop a choice of a multiselect question.

    A new question reads the old answer, because Copier would drop the old choice.
    """
    questions = template / "copier.yml"
    text = questions.read_text(encoding="utf-8")
    before, question, after = text.partition("\ndeploy:\n")
    remaining = "{{ deploy | default([]) | reject('eq', 'fly') | list | to_json }}"
    changed = after.replace(" deploy ", " platforms ").replace("default: []", f'default: "{remaining}"', 1)
    questions.write_text(before + question.replace("deploy", "platforms") + changed, encoding="utf-8")
    replace(questions, "    Fly.io     · machines and volumes: fly\n", "")
    replace(template / "template" / ".claude" / "footprint" / "surroundings.txt.jinja", "+ deploy", "+ platforms")
