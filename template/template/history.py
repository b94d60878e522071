"""What the service recorded earlier, as its own history tells."""

from collections.abc import Iterator
from dataclasses import dataclass

from .errors import CommandError
from .repository import Record, Service, asked, parsed


@dataclass(frozen=True)
class Earlier:
    """A record that another has replaced."""

    record: Record
    replaced_by: str  # the version that came next
    before: str  # the commit that still had this record, when the next one came


def earlier(service: Service) -> Iterator[Earlier]:
    """List what was recorded before, the latest first, each record once."""
    record, came = service.record, None  # came: the commit by which a record came
    seen = [record]
    for commit in commits(service):
        found = recorded(service, commit)
        if found not in (None, record):
            if found not in seen:
                yield Earlier(found, record["_commit"], f"{came}^" if came else "HEAD")
            record = found
            seen.append(found)
        came = commit


def commits(service: Service) -> list[str]:
    """List the commits that changed the answers file, the latest first."""
    log = asked(service.directory, "log", "--format=%H", "--", service.answers_file)
    return log.decode().split() if log else []


def recorded(service: Service, commit: str) -> Record | None:
    """Read the record of a commit; nothing when there is none that can be read."""
    text = service.committed(service.answers_file, commit)
    try:
        return parsed(text, service.answers_file) if text else None
    except CommandError:
        return None
