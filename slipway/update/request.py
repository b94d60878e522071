"""The command-line options of an update, as a data class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Request:
    """Options of `slipway update` or `slipway add`, such as the version to update to."""

    to: str | None = None  # any revision; None is the newest release, or with `answers` the recorded version
    source: str | None = None  # another template, such as an organisation's fork
    answers: Mapping[str, Any] = field(default_factory=dict)
    delete: list[str] = field(default_factory=list)  # edited files that may be deleted
    keep: list[str] = field(default_factory=list)  # edited files that stay, though the template deletes them
    checks: bool = True
    quick: bool = False  # run the tests of changed resources and of migrations only, in the service's environment
    migration: bool = True
    branch: str | None = None
    is_asking: bool = False  # prompt for new questions
    defaults: bool = False  # answer a fork's new questions by their defaults
    dry_run: bool = False  # print the changes as a patch, and apply none
    message: str = ""  # of the revision and the commit
