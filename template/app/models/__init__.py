"""Models of the database tables (SQLAlchemy ORM).

The package imports all of its modules.
"""

from importlib import import_module
from pkgutil import iter_modules

from app.models.base import Base

for _module in iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)

__all__ = ["Base"]
