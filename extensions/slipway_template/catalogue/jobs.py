"""Features for background jobs and for the message brokers that notify workers of new jobs."""

from __future__ import annotations

from .model import Argument, Check, Column, Command, Feature, Process, Setting, Table

JOBS = Feature(
    name="jobs",
    summary="background jobs with retries, schedules and workers",
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
    accepts=("Idempotency-Key",),
    explains="jobs/",
    runtime=("cronsim>=2.7,<3", "opentelemetry-api>=1.45,<2"),
    commands=(
        Command(
            name="dead_jobs",
            module="app.jobs.cli",
            meaning="List dead jobs: those that failed permanently.",
            done="Lists dead jobs: those that failed permanently",
            takes=(),
        ),
        Command(
            name="retry_job",
            module="app.jobs.cli",
            meaning="Retry a dead job.",
            done="Retries a dead job",
            is_for_people=True,
            takes=(
                Argument(
                    name="job_id",
                    meaning="ID of the job, as listed by `dead-jobs`",
                    example="019a0000-0000-7000-8000-000000000000",
                ),
            ),
        ),
    ),
    processes=(
        Process(
            name="worker",
            module="app.jobs.process",
            meaning="Run the job worker until a signal stops it.",
            done="Runs the job worker, in a process of its own",
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
            meaning="URL of the Valkey or Redis that notifies workers; `uv run app dev` starts one, and a worker.",
        ),
        Setting(
            name="TASKS_CONCURRENCY",
            example="4",
            default="4",
            meaning="Number of jobs that one worker runs concurrently.",
        ),
        Setting(
            name="TASKS_GRACE_SECONDS",
            example="20",
            default="20",
            meaning="Seconds that running jobs have to finish after SIGTERM.",
        ),
        Setting(
            name="TASKS_RETENTION_DAYS",
            example="7",
            default="7",
            meaning="Retention of finished jobs and their keys, in days.",
        ),
        Setting(
            name="TASKS_DEAD_RETENTION_DAYS",
            example="30",
            default="30",
            meaning="Retention of dead jobs and their arguments, in days.",
        ),
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
    guidance=(
        "Slow work is a `Task` in `app/tasks/`, enqueued by `jobs.enqueue`; delivery is at least once: `docs/jobs.md`.",
    ),
)

TASKIQ = Feature(
    name="taskiq",
    summary="taskiq as the broker of jobs",
    requires=("jobs",),
    paths=(
        "app/jobs/brokers/taskiq.py",
        "tests/jobs/test_taskiq.py",
    ),
    runtime=("taskiq>=0.13,<0.14", "taskiq-redis>=1.2.4,<2"),
    # If a server stops while taskiq reclaims unacknowledged messages, redis warns later, in any test.
    tolerates=("ignore:Unclosed client session <redis.asyncio.client.Pipeline",),
)

CELERY = Feature(
    name="celery",
    summary="Celery as the broker of jobs",
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
    guidance=("Celery only notifies workers: write a `Task`, not a Celery task.",),
)

PUBLIC_JOBS = Feature(
    name="public_jobs",
    summary="jobs without owners",
    meets=("jobs",),
    plays={"jobs": "public"},
    paths=(
        "app/jobs/public.py",
        "tests/jobs/test_public.py",
    ),
)

OWNED_JOBS = Feature(
    name="owned_jobs",
    summary="jobs visible to the user who enqueued them",
    requires=("ownership",),
    meets=("jobs", "auth"),
    plays={"jobs": "owned"},
    replaces=("public_jobs",),
    paths=(
        "app/jobs/owned.py",
        "tests/jobs/test_owned.py",
    ),
)
