"""Earlier answers files of a service, from its commits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.errors import CommandError
from slipway.git import query
from slipway.service.checkout import parse_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slipway.service.checkout import Record, Service


@dataclass(frozen=True)
class Earlier:
    """An answers file that another one replaced."""

    record: Record
    text: bytes
    replaced_by: str  # the next version
    before: str  # the last commit with this record


def earlier(service: Service) -> Iterator[Earlier]:
    """Yield earlier answers files, the latest first, each once."""
    record, came = service.record, None  # came: the commit that introduced the record
    seen = [record]
    for commit in commits(service):
        text = service.committed(service.answers_file, commit)
        found = parsed(text, service.answers_file)
        if found is not None and found != record:
            if found not in seen:
                yield Earlier(found, text or b"", str(record["_commit"]), f"{came}^" if came else "HEAD")
            record = found
            seen.append(found)
        came = commit


def moved_from(service: Service) -> str | None:
    """Return the former source of the template, if it was changed by hand since the last update."""
    record = service.record
    last = next(earlier(service), None)
    if last is None or last.record["_commit"] != record["_commit"]:
        return None
    return str(last.record["_src_path"]) if last.record["_src_path"] != record["_src_path"] else None


def commits(service: Service) -> list[str]:
    """Return the commits that changed the answers file, the latest first."""
    log = query(service.directory, "rev-list", "HEAD", "--", service.answers_file)
    return log.decode().split() if log else []


def parsed(text: bytes | None, name: str) -> Record | None:
    """Return a record; None if it is missing or invalid."""
    try:
        return parse_record(text, name) if text else None
    except CommandError:
        return None
