"""Substitutes for the Python and uv base images, packed from this machine's programs without a registry.

They contain a shell, the few programs that a build runs, this machine's Python, their shared libraries, and uv.
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
# Libraries of the C library and the compiler that wheels link or load.
RUNTIME_LIBRARIES = re.compile(r"lib(dl|gcc_s|m|nss_dns|nss_files|pthread|resolv|rt|stdc\+\+|util)\.so\.\d+")
LINKED = re.compile(r"(?:=> )?(/\S+) \(0x")
EXCLUDED = re.compile(
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
RELEASE = "import sys; print(sys.base_prefix); print(*sys.version_info[:2], sep='.')"


@cache
def python_release() -> tuple[Path, str]:
    """Return the prefix and the version of the Python that is packed into the images."""
    output = subprocess.run([EXECUTABLE, "-c", RELEASE], capture_output=True, text=True, check=True)
    prefix, minor = output.stdout.split()
    return Path(prefix), minor


def linked(files: Iterable[Path]) -> set[Path]:
    """Return the shared libraries and the loader that programs and extension modules link to."""
    output = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False)
    return {Path(path) for path in LINKED.findall(output.stdout)}


def libraries(files: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Yield the image path and the local file of each shared library and of the loader."""
    paths = linked(files)
    home = next(path.parent for path in paths if path.name.startswith("libc.so"))
    beside = {path for path in home.iterdir() if RUNTIME_LIBRARIES.fullmatch(path.name)}
    for path in paths | beside:
        is_loader = path.name.startswith("ld-")
        yield within((path if is_loader else home / path.name).as_posix()), path.resolve()


def within(path: str) -> str:
    """Convert an absolute path to one in the image, where `/bin`, `/lib` and `/sbin` link to `/usr`."""
    place = path.removeprefix("/")
    return f"usr/{place}" if place.startswith(("bin/", "lib", "sbin/")) else place


def python() -> Iterator[tuple[str, Path]]:
    """Yield this machine's Python files, each with its path in the official image."""
    prefix, minor = python_release()
    yield f"usr/local/bin/python{minor}", (prefix / "bin" / f"python{minor}").resolve()
    for path in (prefix / "lib" / f"python{minor}").rglob("*"):
        place = path.relative_to(prefix).as_posix()
        if path.is_file() and not EXCLUDED.search(f"/{place}"):
            yield f"usr/local/{place}", path


def programs() -> Iterator[tuple[str, Path]]:
    for name in PROGRAMS:
        if path := shutil.which(name):
            yield f"usr/bin/{name}", Path(path).resolve()


def root() -> dict[str, Path]:
    """Return the files of the substitute Python image, by path in the image."""
    files = dict([*python(), *programs()])
    native = [path for place, path in files.items() if "/bin/" in place or ".so" in path.name]
    return files | dict(libraries(native))


def entry(place: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o755, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(place)
    info.type, info.mode, info.linkname = kind, mode, target
    return info


def pack(destination: Path, files: dict[str, Path], texts: dict[str, str], links: dict[str, str]) -> None:
    """Write a reproducible archive, in which files are owned by root and have zero timestamps."""
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
    info = entry(place, mode=mode)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def pack_python(destination: Path) -> None:
    """Write the archive that replaces `python:<version>-slim`."""
    pack(destination, root(), TEXTS, LINKS | {"usr/local/bin/python": f"python{python_release()[1]}"})


def pack_uv(destination: Path) -> None:
    """Write the archive that replaces uv's image."""
    uv = os.environ.get("UV") or shutil.which("uv")
    assert uv, "uv is not on PATH"
    pack(destination, {"uv": Path(uv).resolve()}, {}, {})
