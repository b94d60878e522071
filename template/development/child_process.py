"""Child processes of development: servers that end with their parent, and are never root.

It is a program of its own, in place of `preexec_fn`, which runs Python between fork and exec: with
threads, that is unsafe, says the documentation of `subprocess`.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

NOBODY = 65534
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1


def command(stop: signal.Signals, *program: str | Path, owned: tuple[Path, ...] = ()) -> list[str]:
    """Return the command that launches `program`, which gets `stop` when its parent dies (Linux).

    As root, a program that has directories to write to, `owned`, runs as nobody.
    """
    arguments = [*map(str, owned), "--", *map(str, program)]
    if sys.platform == "win32":
        return arguments[len(owned) + 1 :]
    return [sys.executable, "-IS", __file__, str(os.getpid()), str(int(stop)), *arguments]


def launch(parent: int, stop: int, owned: list[str], program: list[str]) -> None:
    """Replace this process by `program`."""
    if sys.platform != "win32" and owned and os.geteuid() == 0:
        _become_nobody(owned)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, stop)  # after the user, whose change resets it
    if os.getppid() != parent:
        sys.exit("The parent is gone; nothing is launched.")
    os.execv(program[0], program)  # noqa: S606


def _become_nobody(owned: list[str]) -> None:
    """Become nobody: in a namespace of its own, outside of which files stay root's, or for real."""
    if sys.platform == "win32":
        return
    if sys.platform == "linux" and ctypes.CDLL(None).unshare(CLONE_NEWUSER) == 0:
        here = Path("/proc/self")
        (here / "setgroups").write_text("deny")
        (here / "uid_map").write_text(f"{NOBODY} 0 1")
        (here / "gid_map").write_text(f"{NOBODY} 0 1")
        return
    for directory in owned:
        os.chown(directory, NOBODY, NOBODY)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


if __name__ == "__main__":
    separator = sys.argv.index("--")
    parent, stop, *owned = sys.argv[1:separator]
    launch(int(parent), int(stop), owned, sys.argv[separator + 1 :])
