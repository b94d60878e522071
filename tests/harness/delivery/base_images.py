"""Base images without a registry: what a Dockerfile names, made of what is installed on this machine.

They hold a shell, the few programs that a build runs, this machine's Python, what these are linked to, and uv: as much
of the real ones as a service sees of them.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.harness.combinations.questions import all_questions
from tests.harness.readme.newcomer import python as find_python

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROGRAMS = ("chmod", "env", "find", "id", "install", "ls", "mkdir", "rm", "sh", "strip", "tar")
# Of the C library and of the compiler, whatever wheels may be linked to, or ask for as they run.
BESIDE = re.compile(r"lib(dl|gcc_s|m|nss_dns|nss_files|pthread|resolv|rt|stdc\+\+|util)\.so\.\d+")
LINKED = re.compile(r"(?:=> )?(/\S+) \(0x")
LEFT_OUT = re.compile(
    r"/(__pycache__|test|idlelib|tkinter|_tkinter[^/]*|config-[^/]*|(site|dist)-packages/(?!pip[/-]))(/|$|(?<=/))"
)
LINKS = {
    "bin": "usr/bin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "sbin": "usr/sbin",
    "usr/local/bin/python3": "python",
}
DIRECTORIES = {"tmp": 0o1777, "root": 0o700, **dict.fromkeys(("dev", "proc", "run", "sys", "usr/sbin", "var"), 0o755)}
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}
PREFERRED = all_questions().default["python_version"]
EXECUTABLE = find_python(PREFERRED) or sys.executable
ASKED = "import sys; print(sys.base_prefix); print(*sys.version_info[:2], sep='.')"


@cache
def described() -> tuple[Path, str]:
    """Return the prefix and the version of the Python that images are made of: the default one, where installed."""
    told = subprocess.run([EXECUTABLE, "-c", ASKED], capture_output=True, text=True, check=True)
    prefix, minor = told.stdout.split()
    return Path(prefix), minor


def linked(files: Iterable[Path]) -> set[Path]:
    """Name the libraries that programs and modules are linked to, and what loads them."""
    told = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False)
    return {Path(found) for found in LINKED.findall(told.stdout)}


def libraries(files: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Place libraries where any program finds them, and the loader where it is asked for."""
    found = linked(files)
    home = next(path.parent for path in found if path.name.startswith("libc.so"))
    beside = {path for path in home.iterdir() if BESIDE.fullmatch(path.name)}
    for path in found | beside:
        is_loader = path.name.startswith("ld-")
        yield within((path if is_loader else home / path.name).as_posix()), path.resolve()


def within(path: str) -> str:
    """Name a path's place in an image whose `/lib` is `/usr/lib`."""
    place = path.removeprefix("/")
    return f"usr/{place}" if place.startswith(("bin/", "lib", "sbin/")) else place


def python() -> Iterator[tuple[str, Path]]:
    """Place a Python of this machine as the image of its version has it."""
    prefix, minor = described()
    yield f"usr/local/bin/python{minor}", (prefix / "bin" / f"python{minor}").resolve()
    for path in (prefix / "lib" / f"python{minor}").rglob("*"):
        place = path.relative_to(prefix).as_posix()
        if path.is_file() and not LEFT_OUT.search(f"/{place}"):
            yield f"usr/local/{place}", path


def programs() -> Iterator[tuple[str, Path]]:
    for name in PROGRAMS:
        if path := shutil.which(name):
            yield f"usr/bin/{name}", Path(path).resolve()


def root() -> dict[str, Path]:
    """Name all files of the image that stands for Python's, by their places."""
    files = dict([*python(), *programs()])
    native = [path for place, path in files.items() if "/bin/" in place or ".so" in path.name]
    return files | dict(libraries(native))


def entry(place: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o755, target: str = "") -> tarfile.TarInfo:
    described = tarfile.TarInfo(place)
    described.type, described.mode, described.linkname = kind, mode, target
    return described


def pack(destination: Path, files: dict[str, Path], texts: dict[str, str], links: dict[str, str]) -> None:
    """Write an archive of which every file is root's, and as old as any; equal files give equal bytes."""
    with tarfile.open(destination, "w") as archive:
        for place, mode in DIRECTORIES.items():
            archive.addfile(entry(place, tarfile.DIRTYPE, mode))
        for place, target in links.items():
            archive.addfile(entry(place, tarfile.SYMTYPE, target=target))
        for place, path in sorted(files.items()):
            add(archive, place, path.read_bytes(), 0o755 if os.access(path, os.X_OK) else 0o644)
        for place, text in texts.items():
            add(archive, place, text.encode(), 0o644)


def add(archive: tarfile.TarFile, place: str, content: bytes, mode: int) -> None:
    described = entry(place, mode=mode)
    described.size = len(content)
    archive.addfile(described, io.BytesIO(content))


def pack_python(destination: Path) -> None:
    """Write what stands for `python:<version>-slim`."""
    pack(destination, root(), TEXTS, LINKS | {"usr/local/bin/python": f"python{described()[1]}"})


def pack_uv(destination: Path) -> None:
    """Write what stands for uv's image."""
    found = os.environ.get("UV") or shutil.which("uv")
    assert found, "uv is not on PATH"
    pack(destination, {"uv": Path(found).resolve()}, {}, {})
