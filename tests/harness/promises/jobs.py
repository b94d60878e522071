"""Faults that violate promises of jobs and e-mails, such as delivery after the commit and at least once."""

from __future__ import annotations

from tests.harness.promises.definition import SQLITE, Break, promise

JOBS = [
    *promise(
        "template/docs/jobs.md.jinja: a job is enqueued once the transaction is committed",
        Break(
            "publishes a job before the commit",
            "app/jobs/outbox.py",
            "        after_commit(session, partial(notify, job.id))\n",
            "        notify(job.id)\n",
            "jobs/test_jobs.py::test_enqueue_notifies_workers_only_after_commit",
        ),
        tasks="taskiq",
    ),
    *promise(
        "template/docs/jobs.md.jinja: delivered at least once, effects once",
        Break(
            "a replaced worker marks a job as done",
            "app/jobs/store.py",
            "    return and_(Job.id == job.id, running, Job.attempts == job.attempts)\n",
            "    return and_(Job.id == job.id, running)\n",
            "jobs/test_jobs.py::test_job_with_expired_lease_runs_again_and_writes_once",
        ),
        Break(
            "loses a job whose message was lost",
            "app/jobs/worker.py",
            "self.poll(POLL_INTERVAL if broker else POLL_INTERVAL_ALONE)",
            "self.poll(3600 if broker else POLL_INTERVAL_ALONE)",
            "jobs/test_broker.py::test_polling_finds_jobs_with_lost_broker_message",
        ),
        tasks="taskiq",
    ),
    *promise(
        "template/docs/jobs.md.jinja: once for one key",
        Break(
            "enqueues two jobs for one key",
            "app/jobs/outbox.py",
            "    job.key, job.asked_by = key, asked_by\n",
            "    job.key, job.asked_by = None, asked_by\n",
            "jobs/test_jobs.py::test_repeated_idempotency_key_enqueues_one_job",
        ),
        Break(
            "ignores Idempotency-Key",
            "app/jobs/submission.py",
            "        if self.key is None:\n",
            "        if self.key:\n",
            "jobs/test_public.py::test_repeated_idempotency_key_returns_same_job",
        ),
        tasks="taskiq",
    ),
    *promise(
        "template/docs/jobs.md.jinja: a job is retried, and dead after some attempts",
        Break(
            "retries a failing job without end",
            "app/jobs/execution.py",
            "    if job.attempts >= task.attempts or",
            "    if",
            "jobs/test_jobs.py::test_failed_job_is_rolled_back_and_retried_until_dead",
        ),
        tasks="taskiq",
    ),
    *promise(
        "template/docs/jobs.md.jinja: a periodic job is enqueued by one of many workers",
        Break(
            "each worker enqueues periodic jobs",
            "app/jobs/schedule.py",
            '{name}@{due.isoformat()}"',
            '{name}@{id(self)}"',
            "jobs/test_jobs.py::test_concurrent_schedulers_enqueue_periodic_job_once",
        ),
        tasks="taskiq",
    ),
    *promise(
        "template/docs/jobs.md.jinja: on SIGTERM a worker finishes its running jobs",
        Break(
            "cancels running jobs on shutdown",
            "app/jobs/worker.py",
            "timeout=self.grace)",
            "timeout=0)",
            "jobs/test_worker.py::test_worker_finishes_running_job_at_shutdown",
        ),
        tasks="taskiq",
    ),
    *promise(
        "template/docs/jobs.md.jinja: a job is visible to the user who enqueued it",
        Break(
            "shows other users' jobs",
            "app/services/job.py",
            " or not scope.includes(job.asked_by)",
            "",
            "jobs/test_owned.py::test_job_is_readable_by_owner_or_permission",
        ),
        auth="local",
        tasks="taskiq",
    ),
    *promise(
        "template/docs/email.md: with jobs, e-mails survive the process",
        Break(
            "queues e-mails in memory although there are jobs",
            "app/tasks/email_queue.py",
            "    set_queue(app, JobEmailQueue(app, EMAIL_QUEUE.get(app).config))\n",
            "    _ = set_queue, JobEmailQueue(app, EMAIL_QUEUE.get(app).config)\n",
            "email/test_email_jobs.py::test_service_with_jobs_uses_durable_email_queue",
        ),
        features=["email"],
        tasks="taskiq",
    ),
    *promise(
        "template/docs/celery.md: other programs send jobs; a killed worker's message goes to another",
        Break(
            "renames the task that other programs send",
            "app/jobs/brokers/celery/celery_app.py",
            'TASK = "job"\n',
            'TASK = "task"\n',
            "jobs/test_celery.py::test_message_from_other_celery_app_is_received",
            SQLITE,
        ),
        Break(
            "acknowledges a message before its job began",
            "app/jobs/brokers/celery/consumer.py",
            "acks_late=True",
            "acks_late=False",
            "jobs/test_celery.py::test_unacknowledged_message_is_redelivered",
            SQLITE,
        ),
        tasks="celery",
    ),
    *promise(
        "template/docs/email.md: an e-mail is sent once the transaction is committed, never after a rollback",
        Break(
            "sends an e-mail before the commit",
            "app/email/queue.py",
            "        if session is None:\n",
            "        if session:\n",
            "email/test_email.py::test_email_is_sent_only_after_commit",
        ),
        Break(
            "runs after-commit callbacks after a rollback",
            "app/after_commit.py",
            "if previous.nested and each[0] is not previous]",
            "if not previous.nested or each[0] is not previous]",
            "database/test_after_commit.py::test_rollback_discards_after_commit_hook",
        ),
        features=["email"],
    ),
    *promise(
        "template/docs/email.md: values are escaped in HTML",
        Break(
            "does not escape HTML in an e-mail",
            "app/email/message.py",
            'select_autoescape(["html"])',
            "False",
            "email/test_email.py::test_values_in_html_part_are_escaped",
        ),
        features=["email"],
    ),
]
