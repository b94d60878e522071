"""Command-line interface of `slipway`.

The exit code is 0 for success, 1 for findings or a rejected update, and 2 for an error.

With `--json`, standard output is one object, and everything else goes to standard error:

- `status`: `template`, `version`, `newest`, `behind` (a number of releases), `unfinished`, `same`, `yours`, `missing`
  (lists of paths), `renamed` (paths with the new ones), `stale` (paths with the version whose changes they lack).
- `new`: `directory`, `version`, `commit` (null without one) and `problem` (why there is none).
- `update` and `add`: the fields of `report.Report`.
- `fleet`: `services`, in the order of the arguments; each has `service` and what `status` prints.
- errors: `error`, beside the fields of the report if an update was rejected.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import yaml

from slipway.commands import fleet
from slipway.commands.status import Status, status
from slipway.console import echo, plural, section, table, warn
from slipway.errors import CommandError, RejectedError
from slipway.git import ignore_inherited
from slipway.service.checkout import ANSWERS_FILE, Service, find_service, normalized_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from slipway.update.report import Report
    from slipway.update.request import Request

INTERRUPTION = "Interrupted. Your branch is unchanged, unless `slipway status` reports an unfinished update."
INTERRUPTED = 130  # as shells report it
Outcome = tuple[int, Any]  # exit code, and the object for `--json`


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse arguments, run the command, and return the exit code."""
    ignore_inherited()
    for stream in (sys.stdout, sys.stderr):  # names of files may be invalid, and terminals know fewer characters
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = parser().parse_args(arguments)
    output = reserve_output() if options.json else None
    try:
        code, result = options.run(options)
    except CommandError as error:
        warn(str(error))
        code = error.exit_code
        result = (error.report if isinstance(error, RejectedError) else {}) | {"error": str(error)}
    except BrokenPipeError:  # as in `slipway status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except OSError as error:
        place = f" for {error.filename}" if error.filename else ""
        message = f"{f'{error.filename}: ' if error.filename else ''}{error.strerror or error}."
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            message = f"No space left on device{place}: free some and run it again."
        warn(message)
        code, result = 2, {"error": message}
    except KeyboardInterrupt:
        warn(options.interrupted)
        return INTERRUPTED
    if output:
        json.dump(result, output, indent=2, default=str)
        output.write("\n")
        output.close()
    return int(code)


def reserve_output() -> IO[str]:
    """Return a stream to the real standard output, and redirect all other output to standard error."""
    reserved = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout.flush()
    os.dup2(2, 1)
    return reserved


# ── The parser ────────────────────────────────────────────────────────────────────────────────────────────────────────
def parser() -> ArgumentParser:
    """Return the argument parser of `slipway` with all its commands."""
    top = ArgumentParser(prog="slipway", description="Create, extend and update services of this template.")
    top.add_argument("--service", type=Path, metavar="DIR", help="directory of the service; default: the current one")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    add_new(add_command(commands, "new", run_new, "Create a service, with a Git repository and a first commit."))
    add_additions(commands.add_parser("add", help="Add a resource or fields, with their migration."))
    shown = add_command(commands, "status", show_status, "Show the version, the newest release, and drift.")
    shown.add_argument("--to", metavar="REVISION", help="compare with this revision instead of the newest release")
    paths = add_command(commands, "diff", show_edits, "Show your edits of generated files as a patch.", json=False)
    paths.add_argument("paths", nargs="*", metavar="PATH")
    add_update(add_command(commands, "update", run_update, "Update to a version or change answers, atomically."))
    add_command(commands, "undo", run_undo, "Undo the last update.")
    many = add_command(commands, "fleet", show_fleet, "Show the status of many services, read-only.")
    many.add_argument("directories", nargs="+", metavar="DIR")
    many.add_argument("--html", type=absolute, metavar="FILE", help="write an HTML page, too")
    return top


def add_command(
    commands: Any,  # noqa: ANN401 - argparse has no public name for it
    name: str,
    run: Callable[[Namespace], Outcome],
    text: str,
    *,
    json: bool = True,
) -> ArgumentParser:
    """Add a command to the parser, with the options that all commands share."""
    command: ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run, json=False, interrupted=INTERRUPTION)
    command.add_argument("--service", type=Path, default=SUPPRESS, metavar="DIR", help=SUPPRESS)
    command.add_argument("--answers-file", default=ANSWERS_FILE, metavar="FILE", help=f"default: {ANSWERS_FILE}")
    if json:
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return command


def add_new(command: ArgumentParser) -> None:
    """Add the options of `slipway new` to its parser."""
    command.add_argument("directory", type=Path, metavar="DIR", help="directory of the new service: missing or empty")
    command.add_argument("--to", metavar="REVISION", help="tag, branch or commit; default: the newest tag")
    command.add_argument("--source", metavar="URL", help="template; default: that of this command")
    command.add_argument("--data", action="append", default=[], metavar="QUESTION=ANSWER")
    command.add_argument("--data-file", type=absolute, metavar="FILE", help="YAML file of answers")
    command.add_argument("--defaults", action="store_true", help="use the defaults of all other questions")
    command.add_argument("--no-git", action="store_true", help="create no repository and no commit")
    command.set_defaults(interrupted="Interrupted. Nothing was created.")


def add_additions(command: ArgumentParser) -> None:
    """Add the commands `slipway add resource` and `slipway add field` to the parser."""
    kinds = command.add_subparsers(required=True, metavar="resource|field")
    resource = add_command(kinds, "resource", run_add_resource, "Add a resource.")
    resource.add_argument("name", metavar="NAME", help="singular in snake_case, such as order_item")
    resource.add_argument("--description", default="", metavar="TEXT", help="one sentence")
    resource.add_argument("--plural", default="", metavar="NAME", help="irregular plural")
    resource.add_argument("--unique", action="append", default=[], metavar="FIELD,FIELD", help="composite unique")
    resource.add_argument("--operations", default="", metavar="NAME,NAME", help="only these operations")
    resource.add_argument("--read", default="", metavar="WHO", help="public, signed_in or permission")
    resource.add_argument("--owner", action="store_true", help="each row belongs to the account that created it")
    resource.add_argument("--soft-delete", action="store_true", help="set deleted_at instead of deleting rows")
    field = add_command(kinds, "field", run_add_field, "Add fields to a resource.")
    field.add_argument("name", metavar="RESOURCE")
    for each in (resource, field):
        each.add_argument("words", nargs="+", metavar="FIELD:TYPE", help="such as total:decimal or note:text?")
        each.add_argument("--dry-run", action="store_true", help="print the changes as a patch, and change nothing")
        checks = each.add_mutually_exclusive_group()
        checks.add_argument("--all-checks", action="store_true", help="run all checks, not only those of changed files")
        checks.add_argument("--no-checks", action="store_true", help="skip the service's checks")
        each.add_argument("--no-migration", action="store_true", help="write no migration, and skip tests")
        each.epilog = (
            "FIELD:TYPE takes ? for optional and options after colons: code:str:max_length=32:unique,"
            " status:enum:draft,paid:default=draft, customer:ref, buyer:ref:customer?."
        )


def absolute(path: str) -> Path:
    """Return the absolute form of a path, because commands change the current directory."""
    return Path(path).absolute()


def add_update(command: ArgumentParser) -> None:
    """Add the options of `slipway update` to its parser."""
    command.add_argument("--to", metavar="REVISION", help="a release, branch or commit instead of the newest release")
    command.add_argument(
        "--source", type=normalized_source, metavar="URL", help="move the service to another template, such as a fork"
    )
    command.add_argument("--data", action="append", default=[], metavar="QUESTION=ANSWER")
    command.add_argument("--data-file", type=absolute, metavar="FILE", help="YAML file of answers")
    command.add_argument("--defaults", action="store_true", help="answer new questions by their defaults")
    command.add_argument("--delete", action="append", default=[], metavar="PATH", help="delete this edited file")
    command.add_argument("--keep", action="append", default=[], metavar="PATH", help="keep this edited file as yours")
    command.add_argument("--no-checks", action="store_true", help="skip the service's checks")
    command.add_argument(
        "--no-migration", action="store_true", help="write no migration, and skip the tests without it"
    )
    command.add_argument("--branch", metavar="NAME", help="create this branch, and leave the current one")
    command.add_argument(
        "--bundle", type=absolute, metavar="DIR", help="write the branch as a Git bundle, and a description"
    )
    how = command.add_mutually_exclusive_group()
    how.add_argument("--continue", action="store_true", dest="resume", help="apply the resolved update")
    how.add_argument("--abort", action="store_true", help="discard a rejected update")


# ── The commands ──────────────────────────────────────────────────────────────────────────────────────────────────────
def service(options: Namespace) -> Service:
    """Return the service in the requested directory, and make that directory the current one."""
    if options.service and not options.service.is_dir():
        raise CommandError(f"There is no directory {options.service}.")
    start = (options.service or Path()).resolve()
    directory = start if options.service else find_service(start, options.answers_file)
    os.chdir(directory)
    return Service(directory, options.answers_file)


def show_status(options: Namespace) -> Outcome:
    """Run `slipway status`, and return exit code 1 if the service needs attention.

    The service is behind, has drifted, or has an unfinished update.
    """
    current = status(service(options), options.to)
    print_status(current)
    fields = asdict(current)
    return int(not current.is_current), fields | fields.pop("drift")


def print_status(current: Status) -> None:
    """Print a service's version, and a section for each state of its files, such as `Missing`."""
    drift = current.drift
    echo(f"{current.template} at {current.version}")
    behind = f"{plural(current.behind, 'release')} behind {current.newest}" if current.behind else "up to date"
    echo(behind, *([current.unfinished] if current.unfinished else []))
    section("Stale", (f"{path} lacks what {version} changed" for path, version in drift.stale.items()))
    section("Missing", drift.missing)
    section("Renamed by you", (f"{path} → {target}" for path, target in drift.renamed.items()))
    section("Edited by you", drift.yours)
    section("Same as the template", [plural(len(drift.same), "file")])


def show_edits(options: Namespace) -> Outcome:
    """Run `slipway diff`, which shows how the service's files differ from the rendered ones."""
    from slipway.commands.diff import show_diff

    return show_diff(service(options), options.paths), None


def run_update(options: Namespace) -> Outcome:
    """Run `slipway update`, or finish or discard an unfinished update by `--continue` or `--abort`."""
    from slipway.commands import update
    from slipway.commands.bundle import write_bundle

    checkout = service(options)
    has_options = options.to or options.data or options.data_file or options.branch or options.source
    if (options.resume or options.abort) and has_options:
        raise CommandError("The unfinished update has its version, answers and branch already: omit these options.")
    if options.bundle and not options.branch:
        raise CommandError("--bundle needs --branch NAME.")
    if options.abort:
        update.abort(checkout)
        return 0, {}
    run = update.resume if options.resume else update.update
    report = run(checkout, request(options))
    if options.bundle and report.applied:
        write_bundle(checkout, report, options.bundle)
    return 0, asdict(report)


def request(options: Namespace) -> Request:
    """Convert the options of `slipway update` to a `Request`."""
    from slipway.update.request import Request

    return Request(
        to=options.to,
        source=options.source,
        answers=read_answers(options.data_file) | dict(map(pair, options.data)),
        delete=options.delete,
        keep=options.keep,
        checks=not options.no_checks,
        migration=not options.no_migration,
        branch=options.branch,
        is_asking=sys.stdin.isatty() and not (options.json or options.defaults),
        defaults=options.defaults,
    )


def run_new(options: Namespace) -> Outcome:
    """Run `slipway new`, and return exit code 1 if the created service could not be committed."""
    from slipway.commands.new import Start, create

    start = Start(
        directory=options.directory,
        source=options.source,
        to=options.to,
        answers=read_answers(options.data_file) | dict(map(pair, options.data)),
        is_asking=sys.stdin.isatty() and not (options.json or options.defaults),
        git=not options.no_git,
        answers_file=options.answers_file,
    )
    created = create(start)
    return int(bool(created.problem)), asdict(created)


def run_add_resource(options: Namespace) -> Outcome:
    """Add the resource that the command line declares, and print what to do next."""
    from slipway.commands.add import Options, add_resource

    keys = Options(
        plural=options.plural,
        description=options.description,
        unique=[names.split(",") for names in options.unique],
        operations=[name for name in options.operations.split(",") if name],
        read=options.read,
        owner=options.owner,
        soft_delete=options.soft_delete,
    )
    report = add_resource(service(options), options.name, options.words, keys, additions(options))
    return finish_addition(options, report)


def run_add_field(options: Namespace) -> Outcome:
    """Add the fields that the command line declares to a resource, and print what to do next."""
    from slipway.commands.add import add_fields

    return finish_addition(options, add_fields(service(options), options.name, options.words, additions(options)))


def additions(options: Namespace) -> Request:
    """Convert the options of `slipway add` to a `Request` for an update."""
    from slipway.update.request import Request

    return Request(
        checks=not options.no_checks,
        quick=not options.all_checks,
        migration=not options.no_migration,
        dry_run=options.dry_run,
    )


def finish_addition(options: Namespace, report: Report) -> Outcome:
    """Print what the user still has to do after `slipway add`, such as run all tests."""
    if report.applied and options.no_migration:
        echo('Write the migration by: uv run app revision "what changes"')
    if report.applied and not options.all_checks:
        echo("Run all tests by: uv run pytest")
    return 0, asdict(report)


def pair(option: str) -> tuple[str, str]:
    """Split `QUESTION=ANSWER` into question and answer."""
    question, equals, answer = option.partition("=")
    if not equals:
        raise CommandError(f"--data takes QUESTION=ANSWER, not {option!r}.")
    return question, answer


def read_answers(path: Path | None) -> dict[str, Any]:
    """Read the answers in a YAML file; empty if no file is given."""
    try:
        answers = yaml.safe_load(path.read_bytes()) if path else {}
    except (OSError, yaml.YAMLError) as error:
        raise CommandError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(answers, dict):
        raise CommandError(f"{path} is not a mapping of questions to answers.")
    return answers


def run_undo(options: Namespace) -> Outcome:
    """Undo the service's last update, and return its commit for `--json`."""
    from slipway.commands.undo import undo

    return 0, undo(service(options))


def show_fleet(options: Namespace) -> Outcome:
    """Run `slipway fleet`, and write the HTML page if the options name one."""
    from slipway.commands.fleet_page import page

    statuses = fleet.statuses(options.directories, options.answers_file)
    if options.html:
        options.html.write_text(page(statuses), "utf-8")
    echo(*table([list(fleet.COLUMNS), *map(fleet.cells, statuses)]))
    return fleet.exit_code(statuses), {"services": statuses}
