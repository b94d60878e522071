"""Authentication and authorization: FastAPI dependencies that routes declare.

`tests/architecture/test_access_policies.py` lists the routes that need none of them.
"""

from app.auth.callers import (
    PUBLIC,
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
    signed_in_or_key,
)

__all__ = [
    "PUBLIC",
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
    "signed_in_or_key",
]
