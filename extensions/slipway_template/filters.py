"""Define the Jinja filters of `copier.yml` and of the templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import answers, formatting, organisation, plan, quoting
from .footprint import excluded, surrounding_paths

if TYPE_CHECKING:
    from collections.abc import Callable


def filters() -> dict[str, Callable[..., Any]]:
    """Return the Jinja filters by name.

    Raises:
        UserMessageError: `org/standard.toml` is invalid, or ruff is not installed.
    """
    organisation.standard()
    formatting.find_ruff()
    return {
        "auth_default": answers.auth_default,
        "auth_problem": answers.auth_problem,
        "description_problem": answers.description_problem,
        "excluded": excluded,
        "given": answers.validated,
        "module": formatting.module,
        "name_problem": answers.name_problem,
        "plan": plan.plan,
        "python": quoting.quoted,
        "recorded": answers.recorded,
        "resources_problem": answers.resources_problem,
        "surroundings": surrounding_paths,
        "toml": quoting.toml,
        "wrapped": quoting.wrapped,
    }
