"""A simulated future release that moves most modules of a service into packages, and merges one into another.

Templates cannot be rewritten like Python, so the release renders one combination of answers, `ANSWERS`. Its own imports
are rewritten by `slipway.imports`, as a releaser would; the tests check the result by other means.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from slipway.imports.files import rewrite_file
from slipway.imports.names import exports
from slipway.imports.renames import module_name
from slipway.moves.declared import Moves
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import render
from tests.harness.updates import releases
from tests.harness.updates.future_releases import replace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.combinations.questions import Answers

RESOURCE, LOOP = "product", "{% yield resource from plan.resources %}{{ resource.name }}{% endyield %}"
RECORD = "{{ _copier_conf.answers_file }}.jinja"
PACKAGES = {
    "app/cache/*": "app/stores/cache/*",
    "app/email/*": "app/mail/*",
    "app/files/*": "app/storage/*",
    "app/jobs/*": "app/background/*",
    "app/observability/*": "app/telemetry/*",
    "app/services/*": "app/domain/*",
    "app/websockets/*": "app/live/*",
    "tests/test_cache*": "tests/stores/test_cache*",
    "tests/test_jobs*": "tests/background/test_jobs*",
}
MODULES = {
    "accounts": ("account_mail", "administration", "local_commands", "refreshing", "signing"),
    "core": ("after_commit", "changes", "docs", "export", "identifiers", "links", "lists", "logging", "pagination"),
    "operation": ("about", "health", "middleware", "migrate", "moving", "probe", "ratelimit", "server"),
    "owners": ("own_files", "own_jobs"),
    "stores": ("postgresql", "traced_valkey", "valkey"),
}
RENAMED = {
    "app/auth.py": "app/accounts/callers.py",
    "app/hashing.py": "app/accounts/passwords.py",
    "app/http_client.py": "app/outbound/client.py",
    "app/letters.py": "app/accounts/messages.py",
    "app/local.py": "app/accounts/identity.py",
    "app/mail_jobs.py": "app/mail/deliveries.py",
    "app/owning.py": "app/owners/columns.py",
    "app/taskiq.py": "app/background/engine.py",
}
CHANGED = 'summary=project["description"]', 'summary=project.get("description")'  # a line of `app/main.py`
HELPERS = ("asking", "cache", "counting", "errands", "jots", "local", "observing", "owning", "valkey")
MERGED = "app.digests", "app.accounts.passwords", {"digest": "sha256_digest"}

MOVE = '\n[[moves]]\nversion = "{version}"\nfrom = "{old}"\nto = "{new}"\n'
MODULE = '\n[[modules]]\nversion = "{version}"\nfrom = "{old}"\nto = "{new}"\nnames = {{ {names} }}\n'


def answers() -> Answers:
    """Return the answers that the release renders."""
    features = ["ratelimit", "cache", "websockets", "email", "files", "observability"]
    return all_questions().default | {"auth": "local", "tasks": "taskiq", "features": features}


def declarations(version: str) -> str:
    """Return the entries of `moves.toml`."""
    modules = {f"app/{name}.py": f"app/{package}/{name}.py" for package, names in MODULES.items() for name in names}
    helpers = {f"tests/{name}.py": f"tests/support/{name}.py" for name in HELPERS}
    moves = PACKAGES | modules | RENAMED | helpers
    old, new, names = MERGED
    renamed = ", ".join(f'{name} = "{target}"' for name, target in names.items())
    return "".join(
        [
            *(MOVE.format(version=version, old=old, new=new) for old, new in moves.items()),
            MODULE.format(version=version, old=old, new=new, names=renamed),
        ]
    )


def move_modules(template: Path, version: str) -> None:
    """Replace the templates by a rendering whose modules are in packages, and declare the moves."""
    declared = template / "updates" / "moves.toml"
    declared.write_text(declared.read_text(encoding="utf-8") + declarations(version), encoding="utf-8")
    record = (template / "template" / RECORD).read_bytes()
    rendered = template.parent / "moved"
    render(template, rendered, answers(), releases.NEXT)
    (rendered / ".copier-answers.yml").unlink()
    relocate(rendered, Moves.parse(declared.read_text(encoding="utf-8")))
    name_after_resources(rendered)
    shutil.rmtree(template / "template")
    rendered.rename(template / "template")
    (template / "template" / RECORD).write_bytes(record)
    replace(template / "extensions" / "slipway_template" / "language" / "reserved.py", '"app/services"', '"app/domain"')


def relocate(service: Path, moves: Moves) -> None:
    """Move the files of a service, merge a module into another, and sort and format the imports."""
    before = {path.relative_to(service).as_posix() for path in service.rglob("*") if path.is_file()}
    merged = MERGED[0].replace(".", "/") + ".py"
    after = {moves.path(path) for path in before} - {merged}
    renames = moves.renames(before, after)
    texts = dict(read(service, before))
    exported = exports(texts)
    for path, text in texts.items():
        keep = exported.get(module_name(path), ())
        new = rewrite_file(path, text, renames, moves.path(path), keep=keep)
        (service / path).write_text(new, encoding="utf-8")
    for path in before:
        target = service / moves.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        (service / path).rename(target)
        if target.suffix == ".py" and target.parent != service and not (target.parent / "__init__.py").exists():
            (target.parent / "__init__.py").touch()
    replace(service / "app" / "main.py", *CHANGED)
    merge_digests(service, service / merged)
    remove_empty(service)
    ruff = (sys.executable, "-m", "ruff")
    subprocess.run([*ruff, "check", "--quiet", "--fix", "."], cwd=service, check=True)
    subprocess.run([*ruff, "format", "--quiet", "."], cwd=service, check=True)


def name_after_resources(service: Path) -> None:
    """Turn the files of the resource into templates, because their names are reserved for resources."""
    for path in [*service.rglob(f"{RESOURCE}.py"), *service.rglob(f"test_{RESOURCE}.py")]:
        text = f"{{% raw %}}{path.read_text(encoding='utf-8')}{{% endraw %}}"
        (path.parent / f"{path.name.replace(RESOURCE, LOOP)}.jinja").write_text(text, encoding="utf-8")
        path.unlink()


def read(service: Path, paths: set[str]) -> Iterator[tuple[str, str]]:
    for path in sorted(paths):
        try:
            yield path, (service / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def merge_digests(service: Path, merged: Path) -> None:
    """Append the function of the dropped module to the one that has it now, under another name."""
    module = service / "app" / "accounts" / "passwords.py"
    _, function, body = merged.read_text(encoding="utf-8").partition("def digest(")
    replace(module, "from base64 import", "import hashlib\nfrom base64 import")
    with module.open("a", encoding="utf-8") as text:
        text.write(f"\n\n{function.replace('digest', 'sha256_digest')}{body}")
    merged.unlink()


def remove_empty(directory: Path) -> None:
    """Remove directories without files."""
    for path in sorted(directory.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
