"""Moves of files, modules and names are declared in `updates/moves.toml`."""

from __future__ import annotations

import pytest

from slipway.moves.declared import Moves
from tests.harness.workspace import ROOT


def declared(*entries: str) -> Moves:
    """Return the moves in entries such as `1.0 a.py b.py` for files or `1.0 a:x b:y` for names."""
    text = ""
    for entry in entries:
        version, old, new = entry.split()
        key = "moves" if "/" in old else "modules"
        old_module, _, old_name = old.partition(":")
        new_module, _, new_name = new.partition(":")
        text += f'[[{key}]]\nversion = "{version}"\nfrom = "{old_module}"\nto = "{new_module}"\n'
        text += f'names = {{ {old_name} = "{new_name}" }}\n' if old_name else ""
    return Moves.parse(text)


@pytest.mark.parametrize(
    ("entries", "old", "new"),
    [
        (("1.0 docs/a.md docs/b.md",), "docs/a.md", "docs/b.md"),
        (("1.0 docs/a.md docs/b.md",), "docs/c.md", "docs/c.md"),
        (("1.0 app/enums/*.py app/kinds/*.py",), "app/enums/product.py", "app/kinds/product.py"),
        (("1.0 app/a/* app/b/*",), "app/a/c/d.txt", "app/b/c/d.txt"),
        (("1.0 a/b c/d", "2.0 c/d e/f"), "a/b", "e/f"),
        (("2.0 c/d e/f", "1.0 a/b c/d"), "a/b", "e/f"),
        (("1.0 a/b c/d", "2.0 c/d a/b"), "c/d", "a/b"),
        (("1.0 a/b c/d", "2.0 c/d a/b"), "a/b", "a/b"),
        (("1.0 a/b c/d", "1.0 c/d a/b"), "a/b", "a/b"),
    ],
)
def test_moved_path_is_followed_through_versions(entries: tuple[str, ...], old: str, new: str) -> None:
    assert declared(*entries).path(old) == new


def test_dropped_file_is_not_moved() -> None:
    moves = Moves.parse('[[moves]]\nversion = "1.0.0"\nfrom = "docs/a.md"\nwhy = "Nobody read it."\n')
    assert moves.path("docs/a.md") == "docs/a.md"
    assert moves.paths({"docs/a.md"}, set()) == {}


def test_missing_path_with_existing_target_is_moved() -> None:
    moves = declared("1.0 app/*.py app/core/*.py", "2.0 app/core/c.py app/last/c.py")
    before, after = {"app/a.py", "app/b.py", "app/c.py", "app/d.py"}, {"app/b.py", "app/core/a.py", "app/core/b.py"}
    assert moves.paths(before, after | {"app/core/c.py"}) == {"app/a.py": "app/core/a.py", "app/c.py": "app/core/c.py"}


@pytest.mark.parametrize(
    ("entries", "before", "after", "modules", "names"),
    [
        (("1.0 app/a.py app/b/c.py",), "app/a.py", "app/b/c.py", {"app.a": "app.b.c"}, {}),
        (("1.0 app/a.py app/b/__init__.py",), "app/a.py", "app/b/__init__.py", {"app.a": "app.b"}, {}),
        (("1.0 app/a.py app/a/b.py",), "app/a.py", "app/a/__init__.py app/a/b.py", {}, {}),
        (("1.0 app/a.py app/b/a.py",), "app/a.py", "app/a/__init__.py app/b/a.py", {"app.a": "app.b.a"}, {}),
        (("1.0 app.a:x app.a:y",), "app/a.py", "app/a.py", {}, {"app.a:x": "app.a:y"}),
        (
            ("1.0 app/a/* app/b/*",),
            "app/a/__init__.py app/a/x.py app/a/y.txt",
            "app/b/__init__.py app/b/x.py app/b/y.txt app/a/own.py",
            {"app.a": "app.b", "app.a.x": "app.b.x", "app.a.own": "app.a.own"},
            {},
        ),
        (("1.0 app/a/x.py app/b/x.py",), "app/a/x.py", "app/b/x.py", {"app.a": "app.b", "app.a.x": "app.b.x"}, {}),
        (("1.0 app/a/x.py app/b/x.py",), "app/a/x.py app/a/y.py", "app/b/x.py app/a/y.py", {"app.a.x": "app.b.x"}, {}),
        (("1.0 app.a app.b",), "app/a.py", "app/b.py", {"app.a": "app.b"}, {}),
        (("1.0 app.a app.b",), "app/a.py", "app/a.py app/b.py", {}, {}),
        (("1.0 app.a app.b",), "app/x.py", "app/b.py", {}, {}),
        (("1.0 app.a app.b",), "app/a.py", "app/c.py", {}, {}),
        (("1.0 app.a:x app.b:y",), "app/a.py", "app/b.py", {"app.a": "app.b"}, {"app.a:x": "app.b:y"}),
        (
            ("1.0 app/a.py app/b.py", "1.0 app.a:x app.b:y"),
            "app/a.py",
            "app/b.py",
            {"app.a": "app.b"},
            {"app.a:x": "app.b:y"},
        ),
        (
            ("1.0 app.a:x app.b:y", "2.0 app.b:y app.c:z"),
            "app/a.py",
            "app/c.py",
            {"app.a": "app.c"},
            {"app.a:x": "app.c:z"},
        ),
        (
            ("1.0 app.a:x app.b:y", "2.0 app/b.py app/c/d.py"),
            "app/a.py",
            "app/c/d.py",
            {"app.a": "app.c.d"},
            {"app.a:x": "app.c.d:y"},
        ),
        (
            ("1.0 app.a:x app.b:app.o:y", "2.0 app.o app.p"),
            "app/a.py",
            "app/b.py app/p.py",
            {"app.a": "app.b"},
            {"app.a:x": "app.p:y"},
        ),
        (
            ("1.0 app.a app.b",),
            "app/a/__init__.py app/a/x.py",
            "app/b/__init__.py app/b/x.py",
            {"app.a": "app.b", "app.a.x": "app.b.x"},
            {},
        ),
    ],
)
def test_module_and_name_renames_follow_moves(
    entries: tuple[str, ...], before: str, after: str, modules: dict[str, str], names: dict[str, str]
) -> None:
    renames = declared(*entries).renames(before.split(), set(after.split()))
    assert renames.modules == modules
    assert renames.names == names


def test_moves_declare_paths_of_files_and_modules() -> None:
    moves = declared("1.0 app/enums/*.py app/kinds/*.py", "1.0 app.digests app.auth")
    paths = ["app/enums/*.py", "app/enums/job.py", "app/digests.py", "app/enums/a.txt", "app/auth.py"]
    assert [moves.declares(path) for path in paths] == [True, True, True, False, False]


def test_user_files_follow_moved_directory() -> None:
    moves = declared("1.0 app/a/* app/b/*", "1.0 app/c/x.py app/d/x.py")
    before = {"app/a/__init__.py", "app/a/z/y.txt", "app/c/x.py", "app/c/y.py"}
    after = {"app/b/__init__.py", "app/b/z/y.txt", "app/d/x.py", "app/c/y.py"}
    owned = {"app/a/own.py", "app/a/z/own.txt", "app/c/own.py", "app/own.py"}
    expected = {"app/a/own.py": "app/b/own.py", "app/a/z/own.txt": "app/b/z/own.txt"}
    assert moves.along(owned, before, after | owned) == expected
    assert moves.along(owned, before, after | owned | {"app/b/own.py"}) == {"app/a/z/own.txt": "app/b/z/own.txt"}


def test_fork_moves_are_added_to_template_moves() -> None:
    assert (declared("2.0 a/b c/d") | declared("1.0 x/y a/b")).path("x/y") == "c/d"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ('[[moves]]\nfrom = "a"\nto = "b"', "a: version is missing"),
        ('[[moves]]\nversion = "one"\nfrom = "a"\nto = "b"', "a: one is not a version such as 2.0.0"),
        ('[[moves]]\nversion = "1.0"\nto = "b"', "from is missing"),
        ('[[moves]]\nversion = "1.0"\nfrom = "a"', "a: set either to"),
        ('[[moves]]\nversion = "1.0"\nfrom = "a"\nto = "b"\nwhy = "c"', "a: set either to"),
        ('[[moves]]\nversion = "1.0"\nfrom = "a"\nto = "a"', "a: from and to are equal"),
        ('[[moves]]\nversion = "1.0"\nfrom = "*/*"\nto = "b/*"', r"\*/\*: from and to both have one"),
        ('[[moves]]\nversion = "1.0"\nfrom = "a/*"\nto = "b"', "from and to both have one"),
        ('[[moves]]\nversion = "1.0"\nfrom = "/a"\nto = "b"', "/a: paths are relative"),
        ('[[moves]]\nversion = "1.0"\nfrom = "a"\nto = "../b"', "a: paths are relative"),
        ('[[moves]]\nversion = "1.0"\nfrom = "a"\nto = 1', "a: to is a text"),
        ('[[moves]]\nversion = "1.0"\nfrom = "a"\nto = "b"\nnames = "c"', "a: unknown key names"),
        ('[[modules]]\nversion = "1.0"\nfrom = "app.a"', "app.a: to is missing"),
        ('[[modules]]\nversion = "1.0"\nfrom = "app/a.py"\nto = "app.b"', "app/a.py: from and to are modules"),
        (
            '[[modules]]\nversion = "1.0"\nfrom = "app.a"\nto = "app.a"',
            "app.a: from and to are equal",
        ),
        ('[[modules]]\nversion = "1.0"\nfrom = "app.a"\nto = "app.b"\nnames = {a = "b c"}', "app.a: names are like"),
        ('[[modules]]\nversion = "1.0"\nfrom = "app.a"\nto = "app.b"\nnames = "x"', "app.a: names are like"),
        ("moves = 1", "moves is a list of tables"),
        ("[[module]]", "unknown key 'module'"),
        ("[[", "Invalid"),
    ],
)
def test_invalid_moves_entry_is_reported_with_path(entry: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Moves.parse(entry)


def test_template_moves_file_is_valid() -> None:
    Moves.parse((ROOT / "updates" / "moves.toml").read_text(encoding="utf-8"))
