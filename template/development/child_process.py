"""Launcher of child processes, such as local servers, which end when their parent ends.

It is a separate program instead of `preexec_fn`, which runs Python between fork and exec and is
unsafe with threads (see the documentation of `subprocess`).
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
    """Return the command that launches a program as a child process.

    Args:
        stop: the signal that the program receives when its parent dies (Linux)
        program: the program and its arguments
        owned: directories that the program writes to; as root, it then runs as the user nobody
    """
    arguments = [*map(str, owned), "--", *map(str, program)]
    if sys.platform == "win32":
        return arguments[len(owned) + 1 :]
    return [sys.executable, "-IS", __file__, str(os.getpid()), str(int(stop)), *arguments]


def launch(parent: int, stop: int, owned: list[str], program: list[str]) -> None:
    """Replace this process by the program (exec), which ends when the parent process ends."""
    if sys.platform != "win32" and owned and os.geteuid() == 0:
        _become_nobody(owned)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(
            PR_SET_PDEATHSIG, stop
        )  # last, because a change of the user resets it
    if os.getppid() != parent:
        sys.exit("The parent process has ended; the program is not launched.")
    os.execv(program[0], program)  # noqa: S606


def _become_nobody(owned: list[str]) -> None:
    """Switch this process to the unprivileged user nobody.

    On Linux, a user namespace leaves the files to root. If there is none, nobody becomes the owner
    of the directories in `owned`.
    """
    if sys.platform == "win32":
        return
    if sys.platform == "linux" and ctypes.CDLL(None).unshare(CLONE_NEWUSER) == 0:
        process = Path("/proc/self")
        (process / "setgroups").write_text("deny")
        (process / "uid_map").write_text(f"{NOBODY} 0 1")
        (process / "gid_map").write_text(f"{NOBODY} 0 1")
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
