"""Describe in Markdown who reads each resource of a service with accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..language.names import spaced

if TYPE_CHECKING:
    from ..language.domain import Resource, Resources

HEAD = ("", "| Resource | Who reads it |", "| --- | --- |")
FOOT = (
    "",
    "`read` in the declaration of a resource changes this. Reading includes lists, totals, filters, exports and change",
    "events. A permission or scope to write, such as `products:write`, includes reading.",
)


def strangers(resources: Resources) -> str:
    """Return the sentence that says what callers without an account can read."""
    public = [spaced(resource.plural) for resource in resources if resource.read == "public"]
    readable = f"only these resources: {', '.join(public)}" if public else "no resource"
    return f"A stranger, who has no account, can read {readable}."


def table(resources: Resources) -> list[str]:
    """Return the lines of a table of all resources and their readers; no lines without resources."""
    rows = [f"| `/api/v1/{resource.path}` | {readers(resource)} |" for resource in resources]
    return [*HEAD, *rows, *FOOT] if rows else []


def readers(resource: Resource) -> str:
    """Return who reads the rows of a resource."""
    permission = f"callers with the permission `{resource.path}:read`"
    if resource.owner:
        return f"the owner of each row; {permission}"
    texts = {"public": "everyone, without an account", "permission": permission}
    return texts.get(resource.read, f"every account; API keys with the scope `{resource.path}:read`")
