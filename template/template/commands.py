"""The command line: 0 in the end, 1 where something was found or refused, 2 where it cannot.

With `--json`, standard output is one object and all else goes to standard error:

- `status`: `template`, `version`, `newest`, `behind` (a number of releases), `same`, `yours`,
  `missing` (lists of paths), `stale` (paths, each with the version whose changes it lacks).
- `update`: the fields of `reporting.Report`.
- `fleet`: `services`, a list in the order given; each has `service` and what `status` gives.
- whatever went wrong: `error`, beside the fields of the report of an update that was refused.
"""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import yaml

from . import fleet, updating
from .differences import differences
from .drift import Standing, standing
from .errors import CommandError, RefusedError
from .page import page
from .printing import complain, number, say, section, table
from .repository import ANSWERS_FILE, Service
from .undoing import undo
from .updating import Wish

ROOT = Path(__file__).resolve().parent.parent
INTERRUPTED = 130  # as shells say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; gives the exit code."""
    asked = parser().parse_args(arguments)
    answer = standard_output() if asked.json else None
    try:
        code, found = asked.run(asked)
    except CommandError as error:
        complain(str(error))
        code = error.code
        known = error.found if isinstance(error, RefusedError) else {}
        found = known | {"error": str(error)}
    except KeyboardInterrupt:
        complain("Interrupted; nothing of this branch has changed.")
        return INTERRUPTED
    if answer:
        json.dump(found, answer, indent=2, default=str)
        answer.write("\n")
        answer.close()
    return int(code)


def standard_output() -> IO[str]:
    """Keep standard output for one object, and send what is printed to standard error."""
    kept = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout.flush()
    os.dup2(2, 1)
    return kept


def parser() -> ArgumentParser:
    """Describe the command line."""
    top = ArgumentParser(
        prog="template", description="What came from the template, and what comes."
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    add_status(command(commands, "status", show_status, "Say how far the service is from it."))
    paths = command(commands, "diff", show_differences, "Show what is yours.", json=False)
    paths.add_argument("paths", nargs="*", metavar="PATH")
    add_update(command(commands, "update", run_update, "Bring what is new, all or nothing."))
    command(commands, "undo", run_undo, "Go back to before the last update.")
    many = command(commands, "fleet", show_fleet, "Look at many services; changes none.")
    many.add_argument("directories", nargs="+", metavar="DIR")
    many.add_argument("--html", type=absolute, metavar="FILE", help="write a page, too")
    return top


def command(
    commands: Any,  # noqa: ANN401 - argparse has no public name for it
    name: str,
    run: Callable[[Namespace], tuple[int, Any]],
    says: str,
    *,
    json: bool = True,
) -> ArgumentParser:
    """Add a command, with the options that all have."""
    added: ArgumentParser = commands.add_parser(name, help=says, description=says)
    added.set_defaults(run=run, json=False)
    added.add_argument(
        "--answers-file", default=ANSWERS_FILE, metavar="FILE", help="another record"
    )
    added.add_argument("--service", type=Path, default=ROOT, metavar="DIR", help="another checkout")
    if json:
        added.add_argument("--json", action="store_true", help="print one object for programs")
    return added


def absolute(path: str) -> Path:
    """Read a path as seen from where the command was called."""
    return Path(path).absolute()


def add_status(status: ArgumentParser) -> None:
    status.add_argument("--to", metavar="VERSION", help="compare with it, instead of the newest")


def add_update(update: ArgumentParser) -> None:
    update.add_argument("--to", metavar="VERSION", help="instead of the newest release")
    update.add_argument("--data", action="append", default=[], metavar="QUESTION=ANSWER")
    update.add_argument("--data-file", type=absolute, metavar="FILE", help="answers, as YAML")
    update.add_argument(
        "--delete", action="append", default=[], metavar="PATH", help="an edited file that may go"
    )
    update.add_argument("--no-checks", action="store_true", help="leave the service's checks out")
    update.add_argument("--branch", metavar="NAME", help="leave the result there; this one is kept")
    going = update.add_mutually_exclusive_group()
    going.add_argument(
        "--continue", action="store_true", dest="resume", help="take what you mended"
    )
    going.add_argument("--abort", action="store_true", help="throw away what was refused")


def service(asked: Namespace) -> Service:
    """Return the service, with its directory as the current one."""
    directory = asked.service.resolve()
    if not directory.is_dir():
        raise CommandError(f"There is no directory {asked.service}.")
    os.chdir(directory)
    return Service(directory, asked.answers_file)


def show_status(asked: Namespace) -> tuple[int, dict[str, Any]]:
    found = standing(service(asked), asked.to)
    tell(found)
    known = asdict(found)
    return int(not found.is_fine), known | known.pop("drift")


def tell(found: Standing) -> None:
    """Print where a service stands."""
    drift = found.drift
    say(f"{found.template} at {found.version}")
    far = number(found.behind, "release")
    say(
        f"{found.newest} is the newest, {far} on." if found.behind else "Nothing newer is released."
    )
    section(
        "Stale", (f"{path}: lacks what {version} changed" for path, version in drift.stale.items())
    )
    section("Missing", drift.missing)
    section("Yours", drift.yours)
    section("The same", [number(len(drift.same), "file")])


def show_differences(asked: Namespace) -> tuple[int, None]:
    return differences(service(asked), asked.paths), None


def run_update(asked: Namespace) -> tuple[int, dict[str, Any]]:
    given = service(asked)
    if (asked.resume or asked.abort) and (
        asked.to or asked.data or asked.data_file or asked.branch
    ):
        raise CommandError(
            "An update that is under way has its version, answers and branch already."
        )
    if asked.abort:
        updating.abort(given)
        return 0, {}
    run = updating.resume if asked.resume else updating.update
    return 0, asdict(run(given, wish(asked)))


def wish(asked: Namespace) -> Wish:
    """Read what the owner asks of an update."""
    return Wish(
        to=asked.to,
        answers=from_file(asked.data_file) | dict(map(pair, asked.data)),
        delete=asked.delete,
        checks=not asked.no_checks,
        branch=asked.branch,
        is_asking=sys.stdin.isatty() and not asked.json,
    )


def pair(given: str) -> tuple[str, str]:
    question, equals, answer = given.partition("=")
    if not equals:
        raise CommandError(f"--data takes QUESTION=ANSWER, not {given!r}.")
    return question, answer


def from_file(path: Path | None) -> dict[str, Any]:
    """Read answers from a file of YAML."""
    try:
        answers = yaml.safe_load(path.read_bytes()) if path else {}
    except (OSError, yaml.YAMLError) as error:
        raise CommandError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(answers, dict):
        raise CommandError(f"{path} is no list of questions and their answers.")
    return answers


def run_undo(asked: Namespace) -> tuple[int, dict[str, str]]:
    return 0, undo(service(asked))


def show_fleet(asked: Namespace) -> tuple[int, dict[str, Any]]:
    found = fleet.look(asked.directories, asked.answers_file)
    if asked.html:
        asked.html.write_text(page(found), "utf-8")
    say(*table([list(fleet.COLUMNS), *map(fleet.cells, found)]))
    return fleet.code(found), {"services": found}
