"""Releases that are yet to come: what history does not hold, done to the template as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.harness.workspace import git

if TYPE_CHECKING:
    from pathlib import Path

MOVE = '\n[[moves]]\nversion = "{version}"\nfrom = "{old}"\n{to}\n'


def replace(path: Path, old: str, new: str) -> None:
    """Replace a text that stands in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} has no {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def declare(template: Path, version: str, old: str, to: str) -> None:
    """Declare a move, or, by its `why`, a deletion."""
    with (template / "updates" / "moves.toml").open("a", encoding="utf-8") as moves:
        moves.write(MOVE.format(version=version, old=old, to=to))


def a_file_is_renamed(template: Path, version: str) -> None:
    """One of every service, whose text changes as well."""
    old, new = (template / "template" / "docs" / f"{name}.md" for name in ("image", "container"))
    old.rename(new)
    replace(new, "# ", "# Container: ")
    declare(template, version, "docs/image.md", 'to = "docs/container.md"')


def files_of_resources_are_renamed(template: Path, version: str) -> None:
    """One of each resource."""
    kinds = template / "template" / "app" / "kinds"
    git(template, "mv", "template/app/enums", kinds.relative_to(template).as_posix())
    declare(template, version, "app/enums/*.py", 'to = "app/kinds/*.py"')


def a_file_is_renamed_in_silence(template: Path, _: str) -> None:
    """As none should be."""
    (template / "template" / "docs" / "image.md").rename(template / "template" / "docs" / "container.md")


def a_file_is_dropped(template: Path, version: str) -> None:
    (template / "template" / "docs" / "image.md").unlink()
    declare(template, version, "docs/image.md", 'why = "The image says it itself."')


def a_seam_is_moved(template: Path, _: str) -> None:
    """What the template's part of a file is, and where the service's own begins."""
    requirements = template / "template" / "pyproject.toml.jinja"
    replace(requirements, "    # The lines above come from the template; those below are the service's own.\n", "")
    replace(requirements, "dependencies = [\n", "dependencies = [\n    # The service's own stand at the end.\n")


def a_module_is_split(template: Path, _: str) -> None:
    """The second half of its lines stands elsewhere."""
    whole = template / "template" / "docs" / "image.md"
    lines = whole.read_text(encoding="utf-8").splitlines(keepends=True)
    whole.write_text("".join(lines[: len(lines) // 2]), encoding="utf-8")
    (whole.parent / "image-built.md").write_text("".join(lines[len(lines) // 2 :]), encoding="utf-8")


def a_question_is_renamed(template: Path, _: str) -> None:
    """Its default is what was answered to the old one."""
    questions = template / "copier.yml"
    replace(questions, "project_description", "summary")
    replace(questions, "Keeps the products of a shop.", "\"{{ project_description | default('Keeps a shop.') }}\"")
    replace(questions, '"summary": summary', '"project_description": summary')
    replace(
        template / "extensions" / "plan.py",
        '"project_description": description_problem',
        '"summary": description_problem',
    )


def a_choice_is_renamed(template: Path, _: str) -> None:
    """Copier forgets an answer that is no choice any more: another question takes over what it was."""
    questions = template / "copier.yml"
    known = "{{ {'sqlite': 'file'}.get(database, database) if database is defined else 'postgresql' }}"
    replace(questions, "\ndatabase:\n", "\nstorage:\n")
    replace(questions, "default: postgresql\n", f'default: "{known}"\n')
    replace(questions, "one machine, one file: sqlite", "one machine, one file: file")
    replace(questions, '"database": database', "\"database\": {'file': 'sqlite'}.get(storage, storage)")


def a_choice_is_dropped(template: Path, _: str) -> None:
    """Copier would forget the others that were chosen, too."""
    questions = template / "copier.yml"
    text = questions.read_text(encoding="utf-8")
    before, asked, after = text.partition("\ndeploy:\n")
    left = "{{ deploy | default([]) | reject('eq', 'fly') | list | to_json }}"
    changed = after.replace(" deploy ", " platforms ").replace("default: []", f'default: "{left}"', 1)
    questions.write_text(before + asked.replace("deploy", "platforms") + changed, encoding="utf-8")
    replace(questions, "    Fly.io     · machines and volumes: fly\n", "")
    replace(template / "template" / ".claude" / "footprint" / "surroundings.txt.jinja", "+ deploy", "+ platforms")
