"""Authentication and authorization: FastAPI dependencies that routes declare.

A route without one of them is public; `tests/architecture/test_access_policies.py` lists those.
"""

from app.auth.callers import (
    SIGNED_IN,
    Caller,
    CurrentUser,
    Inviter,
    OptionalUser,
    Permission,
    PresentUser,
    current_caller,
    current_user,
    identify,
    install,
    optional_caller,
    optional_user,
    present_user,
    require_permission,
)

__all__ = [
    "SIGNED_IN",
    "Caller",
    "CurrentUser",
    "Inviter",
    "OptionalUser",
    "Permission",
    "PresentUser",
    "current_caller",
    "current_user",
    "identify",
    "install",
    "optional_caller",
    "optional_user",
    "present_user",
    "require_permission",
]
