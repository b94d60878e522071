"""Break promises of jobs and mails: after the commit, at least once, with effects once."""

from __future__ import annotations

from tests.harness.promises.definition import SQLITE, Break, promise

JOBS = [
    *promise(
        "template/docs/jobs.md: a job is enqueued once the transaction is committed",
        Break(
            "publishes a job before the commit",
            "app/jobs/outbox.py",
            "        after_commit(session, partial(tell, job.id))\n",
            "        tell(job.id)\n",
            "jobs/test_jobs.py::test_workers_are_told_once_all_is_committed",
        ),
        tasks="taskiq",
    ),
    *promise(
        "template/docs/jobs.md: delivered at least once, effects once",
        Break(
            "a replaced worker marks a job as done",
            "app/jobs/store.py",
            "    return and_(Job.id == job.id, running, Job.attempts == job.attempts)\n",
            "    return and_(Job.id == job.id, running)\n",
            "jobs/test_jobs.py::test_a_worker_that_is_gone_is_replaced_and_keeps_nothing",
        ),
        Break(
            "loses a job whose message was lost",
            "app/jobs/worker.py",
            "self.find(LOOK if broker else LOOK_ALONE)",
            "self.find(3600 if broker else LOOK_ALONE)",
            "jobs/test_broker.py::test_a_message_that_is_lost_is_no_loss",
        ),
        tasks="taskiq",
    ),
    *promise(
        "template/docs/jobs.md: once for one key",
        Break(
            "enqueues two jobs for one key",
            "app/jobs/outbox.py",
            "    job.key, job.asked_by = key, asked_by\n",
            "    job.key, job.asked_by = None, asked_by\n",
            "jobs/test_jobs.py::test_what_is_asked_for_twice_is_done_once",
        ),
        Break(
            "ignores Idempotency-Key",
            "app/jobs/submission.py",
            "        if self.key is None:\n",
            "        if self.key:\n",
            "jobs/test_public.py::test_a_request_that_is_sent_again_asks_for_nothing",
        ),
        tasks="taskiq",
    ),
    *promise(
        "template/docs/jobs.md: a job is retried, and dead after some attempts",
        Break(
            "retries a failing job without end",
            "app/jobs/execution.py",
            "    if job.attempts >= task.attempts or",
            "    if",
            "jobs/test_jobs.py::test_what_fails_is_undone_and_tried_again_until_it_is_dead",
        ),
        tasks="taskiq",
    ),
    *promise(
        "template/docs/jobs.md: a periodic job is enqueued by one of many workers",
        Break(
            "each worker enqueues periodic jobs",
            "app/jobs/schedule.py",
            '{name}@{last.isoformat()}"',
            '{name}@{id(self)}"',
            "jobs/test_jobs.py::test_of_many_timetables_one_has_a_periodic_job_done",
        ),
        tasks="taskiq",
    ),
    *promise(
        "template/docs/jobs.md: on SIGTERM a worker finishes its running jobs",
        Break(
            "cancels running jobs on shutdown",
            "app/jobs/worker.py",
            "timeout=self.grace)",
            "timeout=0)",
            "jobs/test_worker.py::test_what_is_begun_is_finished",
        ),
        tasks="taskiq",
    ),
    *promise(
        "template/docs/jobs.md: a job is visible to the user who enqueued it",
        Break(
            "shows other users' jobs",
            "app/services/job.py",
            "(asked_by and job.asked_by != asked_by)",
            "(asked_by and not job.id)",
            "jobs/test_owned.py::test_only_who_asked_for_a_job_sees_it_or_who_may_see_all",
        ),
        auth="local",
        tasks="taskiq",
    ),
    *promise(
        "template/docs/email.md: with jobs, mails survive the process",
        Break(
            "queues mails in memory although there are jobs",
            "app/tasks/email_queue.py",
            "    app.state.mails = KeptOutbox(app, app.state.mails.chosen)\n",
            "    _ = KeptOutbox(app, app.state.mails.chosen)\n",
            "email/test_email_jobs.py::test_the_service_s_mails_are_kept",
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
            'TASK = "errand"\n',
            "jobs/test_celery.py::test_other_programs_tell_of_jobs",
            SQLITE,
        ),
        Break(
            "acknowledges a message before its job began",
            "app/jobs/brokers/celery/consumer.py",
            "acks_late=True",
            "acks_late=False",
            "jobs/test_celery.py::test_what_one_worker_has_no_hand_for_is_told_to_another",
            SQLITE,
        ),
        tasks="celery",
    ),
    *promise(
        "template/docs/email.md: a mail is sent once the transaction is committed, never after a rollback",
        Break(
            "sends a mail before the commit",
            "app/email/queue.py",
            "        if session is None:\n",
            "        if session:\n",
            "email/test_email.py::test_a_mail_is_sent_once_all_is_committed",
        ),
        Break(
            "runs after-commit callbacks after a rollback",
            "app/after_commit.py",
            "    session.info[KEY] = kept\n",
            "    session.info[KEY] = waiting if not previous.nested else kept\n",
            "database/test_after_commit.py::test_it_is_not_called_after_a_rollback",
        ),
        features=["email"],
    ),
    *promise(
        "template/docs/email.md: values are escaped in HTML",
        Break(
            "does not escape HTML in a mail",
            "app/email/message.py",
            'select_autoescape(["html"])',
            "False",
            "email/test_email.py::test_a_value_is_no_html",
        ),
        features=["email"],
    ),
]
