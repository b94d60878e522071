"""The filters that `copier.yml` and the files of the template use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import answers, formatting, organisation, plan, quoting
from .footprint import excluded, of_surroundings

if TYPE_CHECKING:
    from collections.abc import Callable


def filters() -> dict[str, Callable[..., Any]]:
    """Return all filters by name.

    Raises:
        UserMessageError: `org/standard.toml` has a mistake, or ruff is not installed.
    """
    organisation.standard()
    formatting.find_ruff()
    return {
        "description_problem": answers.description_problem,
        "excluded": excluded,
        "given": answers.given,
        "module": formatting.module,
        "name_problem": answers.name_problem,
        "plan": plan.plan,
        "python": quoting.quoted,
        "recorded": answers.recorded,
        "resources_problem": answers.resources_problem,
        "surroundings": of_surroundings,
        "toml": quoting.toml,
        "wrapped": quoting.wrapped,
    }
