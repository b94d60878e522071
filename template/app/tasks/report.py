"""Task that counts the rows of every table, as an example of a job with a result."""

from sqlalchemy import func, select

from app.jobs.task import NoArguments, Task, TaskContext
from app.models import Base


async def count_rows(context: TaskContext, arguments: NoArguments) -> dict[str, dict[str, int]]:
    """Return the number of rows of every table."""
    _ = arguments
    tables = Base.metadata.sorted_tables
    counts = {
        table.name: await context.session.scalar(select(func.count()).select_from(table)) or 0
        for table in tables
    }
    return {"rows": counts}


REPORT = Task("report", NoArguments, count_rows)
