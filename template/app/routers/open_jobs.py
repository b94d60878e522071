"""Jobs, over HTTP, for everybody."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter

from app.database import ReadSession
from app.errors import NotFound, described
from app.jobs import Nothing
from app.models.job import Job
from app.open_jobs import Accepts
from app.schemas.job import JobRead
from app.services import job as jobs
from app.tasks.report import REPORT

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.post("/reports", status_code=HTTPStatus.ACCEPTED, response_model=JobRead)
async def ask_for_report(accepts: Accepts) -> Job:
    """Ask for a report of what is kept; the job's result will be the number of rows, by table."""
    return await accepts.accept(REPORT, Nothing())


@router.get("/{job_id}", response_model=JobRead, responses=described(NotFound))
async def read_job(session: ReadSession, job_id: UUID) -> Job:
    """Show a job, and how far it is."""
    return await jobs.read(session, job_id)
