"""A report of what is kept: an example of a job whose result somebody waits for."""

from sqlalchemy import func, select

from app.jobs.task import NoArguments, Task, TaskContext
from app.models import Base


async def count(work: TaskContext, arguments: NoArguments) -> dict[str, dict[str, int]]:
    """Count the rows of every table."""
    _ = arguments
    tables = Base.metadata.sorted_tables
    numbers = {
        table.name: await work.session.scalar(select(func.count()).select_from(table)) or 0
        for table in tables
    }
    return {"rows": numbers}


REPORT = Task("report", NoArguments, count)
