"""Known permissions: the names that routes require, such as `users:read`.

`Permission` and `OwnerOrPermission` register their names when the routers are imported.
"""

from collections.abc import Sequence
from difflib import get_close_matches

from app.errors import FieldProblem, Invalid
from app.models.user import EVERYTHING

_known = {EVERYTHING}


def register(*names: str) -> None:
    """Add the permissions that a route requires to the known permissions."""
    _known.update(names)


def known() -> list[str]:
    """Return the permissions that the routes of the service require, sorted, and `*`."""
    return sorted(_known)


def require_known(names: Sequence[str], field: str) -> None:
    """Reject permissions that no route requires, such as misspelled ones.

    Args:
        names: permissions of a new role or API key
        field: the field of the request body that contains them

    Raises:
        Invalid: a permission is unknown; the error suggests a similar one.
    """
    problems = [
        FieldProblem(location=f"body.{field}.{index}", message=_advice(name), code="permission")
        for index, name in enumerate(names)
        if name not in _known
    ]
    if problems:
        message = "A permission does not exist."
        raise Invalid(message, errors=problems)


def _advice(name: str) -> str:
    similar = get_close_matches(name, known(), n=1)
    if similar:
        return f"Permission does not exist. Did you mean {similar[0]}?"
    return f"Permission does not exist. Known permissions: {', '.join(known())}."
