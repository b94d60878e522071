"""Background jobs, and their engines."""

from __future__ import annotations

from .model import Argument, Check, Column, Command, Feature, Process, Setting, Table

JOBS = Feature(
    name="jobs",
    summary="work outside the request",
    is_component=True,
    requires=("after_commit", "scope", "valkey"),
    paths=(
        "app/enums/job.py",
        "app/jobs/",
        "app/models/job.py",
        "app/routers/job.py",
        "app/schemas/job.py",
        "app/services/job.py",
        "app/tasks/",
        "deploy/kubernetes/components/jobs/",
        "docs/jobs.md",
        "tests/jobs/",
        "tests/support/sample_tasks.py",
    ),
    routes=("jobs",),
    is_word=True,
    installs="jobs",
    explains="jobs/",
    runtime=("cronsim>=2.7,<3", "opentelemetry-api>=1.45,<2"),
    commands=(
        Command(
            name="dead_jobs",
            module="app.jobs.cli",
            meaning="List the jobs that failed too often.",
            done="Lists the jobs that failed too often",
            takes=(),
        ),
        Command(
            name="retry_job",
            module="app.jobs.cli",
            meaning="Have a job that failed too often tried again.",
            done="Has one of them tried again",
            is_for_people=True,
            takes=(
                Argument(
                    name="job_id",
                    meaning="as `dead-jobs` tells it",
                    example="019a0000-0000-7000-8000-000000000000",
                ),
            ),
        ),
    ),
    processes=(
        Process(
            name="worker",
            module="app.jobs.process",
            meaning="Do jobs, until a signal ends it.",
            done="Does jobs, outside the service's process",
            grace=30,
        ),
    ),
    reaches={"TASKS_URL": "valkey"},
    settings=(
        Setting(
            name="TASKS_URL",
            is_secret=True,
            is_needed=True,
            stand_in="redis://localhost",
            example="redis://localhost:6379/0",
            meaning="The Valkey by which workers hear of jobs; `uv run app dev` brings its own, and does them itself.",
        ),
        Setting(name="TASKS_CONCURRENCY", example="4", meaning="Jobs that one worker does at once."),
        Setting(name="TASKS_GRACE_SECONDS", example="20", meaning="Seconds that jobs have once a worker is to stop."),
        Setting(name="TASKS_RETENTION_DAYS", example="7", meaning="Days for which jobs that are done are remembered."),
    ),
    tables=(
        Table(
            name="jobs",
            columns=(
                Column("id", "Uuid()"),
                Column("task", "String(length=80)"),
                Column("arguments", "JSON()"),
                Column("key", "String(length=240)", nullable=True),
                Column("asked_by", "Uuid()", nullable=True),
                Column("traceparent", "String(length=55)", nullable=True),
                Column(
                    "state", 'Enum("waiting", "running", "done", "dead", name="jobstate", native_enum=False, length=16)'
                ),
                Column("attempts", "Integer()"),
                Column("due_at", "DateTime(timezone=True)", nullable=True),
                Column("error", "String(length=200)", nullable=True),
                Column("result", "JSON(none_as_null=True)", nullable=True),
                Column("created_at", "DateTime(timezone=True)"),
                Column("finished_at", "DateTime(timezone=True)", nullable=True),
            ),
            uniques=(("key",),),
            checks=(Check("state IN ('waiting', 'running', 'done', 'dead')", "state_waiting_runni_86ae649c"),),
            indexes=("due_at", "finished_at"),
        ),
    ),
    guidance=("Long work is a `Task` in `app/tasks/`, enqueued by `jobs.enqueue`; it may run twice: `docs/jobs.md`.",),
)

TASKIQ = Feature(
    name="taskiq",
    summary="workers that taskiq tells of jobs",
    requires=("jobs",),
    paths=(
        "app/jobs/brokers/taskiq.py",
        "tests/jobs/test_taskiq.py",
    ),
    runtime=("taskiq>=0.13,<0.14", "taskiq-redis>=1.2.4,<2"),
    # A server that stops while taskiq reclaims unacknowledged messages: redis warns later, in any test.
    tolerates=("ignore:Unclosed client session <redis.asyncio.client.Pipeline",),
)

CELERY = Feature(
    name="celery",
    summary="workers that Celery tells of jobs",
    requires=("jobs",),
    paths=(
        "app/jobs/brokers/celery/",
        "docs/celery.md",
        "tests/jobs/test_celery.py",
    ),
    explains="jobs/brokers/celery/",
    runtime=("celery>=5.7,<6", "kombu>=5.7,<6", "packaging>=26"),
    lint=("celery-types>=0.26,<1",),
    unimported=("packaging",),  # required by kombu for Valkey, but not declared
    guidance=("Celery only tells its worker of jobs: write a `Task`, never a task of Celery's.",),
)

PUBLIC_JOBS = Feature(
    name="public_jobs",
    summary="jobs that everybody may see",
    meets=("jobs",),
    plays={"jobs": "public"},
    paths=(
        "app/jobs/public.py",
        "tests/jobs/test_public.py",
    ),
)

OWNED_JOBS = Feature(
    name="owned_jobs",
    summary="jobs that are shown to whoever asked for them",
    meets=("jobs", "auth"),
    plays={"jobs": "owned"},
    replaces=("public_jobs",),
    paths=(
        "app/jobs/owned.py",
        "tests/jobs/test_owned.py",
    ),
)
