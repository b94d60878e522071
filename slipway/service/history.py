"""Find the earlier versions of a service's answers file in its Git history."""

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
    """An earlier version of the answers file, and the commits between which it was current."""

    record: Record
    text: bytes
    replaced_by: str  # the version of the record after it
    before: str  # the last commit with this record


def earlier(service: Service) -> Iterator[Earlier]:
    """Yield the earlier versions of the answers file, each once and the latest first."""
    record, newer = service.record, None  # the commit that introduced `record`
    seen = [record]
    for commit in commits(service):
        text = service.committed(service.answers_file, commit)
        previous = parsed(text, service.answers_file)
        if previous is not None and previous != record:
            if previous not in seen:
                yield Earlier(previous, text or b"", str(record["_commit"]), f"{newer}^" if newer else "HEAD")
            record = previous
            seen.append(previous)
        newer = commit


def moved_from(service: Service) -> str | None:
    """Return the template's previous source if `_src_path` was edited by hand; otherwise None.

    Only an edit since the last update counts.
    """
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
    """Parse an answers file; return None if it is missing or invalid."""
    try:
        return parse_record(text, name) if text else None
    except CommandError:
        return None
