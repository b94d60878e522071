"""What would lose jobs, do them twice, or show them to others."""

from __future__ import annotations

from dataclasses import replace

from tests.harness.promises.definition import Break

ROWS = (
    Break(
        "workers are told before the commit",
        "app/jobs/asking.py",
        "        after_commit(session, partial(tell, job.id))\n",
        "        tell(job.id)\n",
        "test_jobs.py::test_workers_are_told_once_all_is_committed",
    ),
    Break(
        "workers are told of what is due later",
        "app/jobs/asking.py",
        "    if tell and job.due_at and job.due_at <= now():\n",
        "    if tell:\n",
        "test_jobs.py::test_workers_are_told_once_all_is_committed",
    ),
    Break(
        "the same key asks for two jobs",
        "app/jobs/asking.py",
        "    job.key, job.asked_by = key, asked_by\n",
        "    job.key, job.asked_by = None, asked_by\n",
        "test_jobs.py::test_what_is_asked_for_twice_is_done_once",
    ),
    Break(
        "another row's clash is taken for the job's",
        "app/jobs/asking.py",
        "    await flush(session)  # so that a clash is this job's, and no other row's\n",
        "",
        "test_jobs.py::test_a_clash_of_another_row_is_not_taken_for_the_job_s",
    ),
    Break(
        "two workers take one job",
        "app/jobs/ledger.py",
        "wanted.with_for_update(skip_locked=True).scalar_subquery()",
        "wanted.scalar_subquery()",
        "test_jobs.py::test_of_workers_that_come_at_once_one_takes_it",
    ),
    Break(
        "the newest job is taken first",
        "app/jobs/ledger.py",
        ".order_by(Job.due_at).limit(1)",
        ".order_by(Job.due_at.desc()).limit(1)",
        "test_jobs.py::test_the_one_that_waited_longest_is_taken_first",
    ),
    Break(
        "what is due later is done now",
        "app/jobs/ledger.py",
        "    due = select(Job.id).where(Job.due_at <= now())",
        "    due = select(Job.id).where(Job.due_at.is_not(None))",
        "test_jobs.py::test_what_is_due_later_waits",
    ),
    Break(
        "a slow worker's job is taken from it",
        "app/jobs/ledger.py",
        "    await _change(sessions, job, due_at=now() + LEASE)\n",
        "    _ = sessions, job\n",
        "test_jobs.py::test_a_worker_that_is_slow_keeps_its_job",
    ),
    Break(
        "who was replaced marks a job as done",
        "app/jobs/ledger.py",
        "    return and_(Job.id == job.id, running, Job.attempts == job.attempts)\n",
        "    return and_(Job.id == job.id, running)\n",
        "test_jobs.py::test_a_worker_that_is_gone_is_replaced_and_keeps_nothing",
    ),
    Break(
        "what a job was told is kept for good",
        "app/jobs/ledger.py",
        ', "error": None, "arguments": {}}',
        ', "error": None}',
        "test_jobs.py::test_a_job_is_done_and_its_result_kept",
    ),
    Break(
        "what is done never comes to its end",
        "app/jobs/ledger.py",
        '    return {"state": state, "due_at": None, "finished_at": now()}\n',
        '    return {"state": state, "finished_at": now()}\n',
        "test_jobs.py::test_a_job_is_done_and_its_result_kept",
    ),
    Break(
        "the dead are forgotten",
        "app/jobs/ledger.py",
        "Job.finished_at <= now() - retention, Job.state == JobState.DONE)",
        "Job.finished_at <= now() - retention)",
        "test_jobs.py::test_jobs_that_were_done_long_ago_are_forgotten",
    ),
    Break(
        "pauses are all the same",
        "app/jobs/ledger.py",
        "random.uniform(longest / 2, longest)",
        "longest",
        "test_jobs.py::test_pauses_grow_and_are_never_the_same",
    ),
    Break(
        "what fails is tried for ever",
        "app/jobs/doing.py",
        "    if job.attempts >= task.attempts or",
        "    if",
        "test_jobs.py::test_what_fails_is_undone_and_tried_again_until_it_is_dead",
    ),
    Break(
        "what cannot be done is tried again",
        "app/jobs/doing.py",
        " or isinstance(error, GiveUpError):",
        ":",
        "test_jobs.py::test_what_cannot_be_done_is_dead_at_once",
    ),
    Break(
        "what no worker survives is begun for ever",
        "app/jobs/doing.py",
        "    if job.attempts > task.attempts:\n",
        "    if job.attempts < 0:\n",
        "test_jobs.py::test_what_no_worker_survives_is_dead_in_the_end",
    ),
    Break(
        "a job takes as long as it wants",
        "app/jobs/doing.py",
        "asyncio.timeout(task.seconds)",
        "asyncio.timeout(None)",
        "test_jobs.py::test_what_takes_too_long_fails",
    ),
    Break(
        "what is cancelled is left lying",
        "app/jobs/doing.py",
        "        await ledger.give_back(app.state.sessions, job)\n",
        "",
        "test_jobs.py::test_what_is_cancelled_is_given_back",
    ),
    Break(
        "a trace ends where a job begins",
        "app/jobs/doing.py",
        "continued(job.traceparent)",
        "continued(None)",
        "test_jobs.py::test_a_trace_goes_on_in_the_job",
    ),
    Break(
        "each worker does periodic jobs",
        "app/jobs/times.py",
        '{name}@{last.isoformat()}"',
        '{name}@{id(self)}"',
        "test_jobs.py::test_of_many_timetables_one_has_a_periodic_job_done",
    ),
    Break(
        "what was missed for a day is made up for",
        "app/jobs/times.py",
        "            if moment - last > MADE_UP_FOR or self",
        "            if self",
        "test_jobs.py::test_what_was_missed_for_long_is_not_made_up_for",
    ),
)

WORKER = (
    Break(
        "a worker that works begins anew",
        "app/jobs/worker.py",
        "        if self.is_working:\n",
        "        if not self:\n",
        "test_jobs_worker.py::test_who_works_already_is_left_at_it",
    ),
    Break(
        "a service in development is deaf to its own broker",
        "app/jobs/parts.py",
        "worker.working(app.state.broker)",
        "worker.working()",
        "test_jobs_broker.py::test_in_development_the_service_is_told_of_its_own_jobs",
    ),
    Break(
        "a Valkey that is given is replaced",
        "development/valkey.py",
        "dict.fromkeys(missing, found)",
        "dict.fromkeys(variables, found)",
        "test_valkey.py::test_it_answers_whoever_is_given_none",
    ),
    Break(
        "a worker begins all there is",
        "app/jobs/worker.py",
        "        self.hands = asyncio.Semaphore(hands)\n",
        "        self.hands = asyncio.Semaphore(hands + 1)\n",
        "test_jobs_worker.py::test_no_more_are_done_at_once_than_there_are_hands",
    ),
    Break(
        "who is woken sleeps on",
        "app/jobs/worker.py",
        "        self.woken.set()\n",
        "",
        "test_jobs_worker.py::test_who_is_woken_looks_at_once",
    ),
    Break(
        "a worker that stops breaks off",
        "app/jobs/worker.py",
        "timeout=self.grace)",
        "timeout=0)",
        "test_jobs_worker.py::test_what_is_begun_is_finished",
    ),
    Break(
        "nobody looks at the clock",
        "app/jobs/worker.py",
        "        alone = [self.find(LOOK if broker else LOOK_ALONE), self.keep_time()]\n",
        "        alone = [self.find(LOOK if broker else LOOK_ALONE)]\n",
        "test_jobs_worker.py::test_periodic_jobs_are_done",
    ),
    Break(
        "a worker that is told to stop does not",
        "app/jobs/process.py",
        "    for number in (signal.SIGINT, signal.SIGTERM):\n",
        "    for number in (signal.SIGINT,):\n",
        "test_jobs_worker.py::test_a_worker_that_is_told_to_stop_finishes_or_gives_back",
        drill=True,
    ),
)

BROKER = (
    Break(
        "messages before the first worker are lost",
        "app/taskiq.py",
        '            consumer_id="0",  # from the first message on\n',
        "",
        "test_jobs_broker.py::test_each_message_is_heard_once_in_its_order",
    ),
    Break(
        "what a worker does not confirm is told to no other",
        "app/taskiq.py",
        "            idle_timeout=round(IDLE * 1000),\n",
        "            idle_timeout=3_600_000,\n",
        "test_taskiq.py::test_what_one_worker_has_no_hand_for_is_told_to_another",
    ),
    Break(
        "nobody is told of new jobs",
        "app/jobs/parts.py",
        "            tell = teller.tell\n",
        "",
        "test_jobs_broker.py::test_what_is_asked_for_is_done_at_once",
    ),
    Break(
        "what nobody is told of is not looked for",
        "app/jobs/worker.py",
        "self.find(LOOK if broker else LOOK_ALONE)",
        "self.find(3600 if broker else LOOK_ALONE)",
        "test_jobs_broker.py::test_a_message_that_is_lost_is_no_loss",
    ),
    Break(
        "a worker hears nothing once the broker was away",
        "app/jobs/worker.py",
        "                await asyncio.sleep(AGAIN)\n",
        "                return\n",
        "test_jobs_broker.py::test_a_valkey_that_comes_back_empty_tells_workers_again",
    ),
    Break(
        "production does without workers",
        "app/jobs/connecting.py",
        "        if value is None and",
        "        if value is False and",
        "test_jobs_broker.py::test_production_says_where_workers_are_told",
    ),
)

OPEN = (
    Break(
        "a request that is sent again asks again",
        "app/jobs/accepting.py",
        "        if self.key is None:\n",
        "        if self.key:\n",
        "test_open_jobs.py::test_a_request_that_is_sent_again_asks_for_nothing",
    ),
)

OWN = (
    Break(
        "everybody sees everybody's jobs",
        "app/services/job.py",
        "(asked_by and job.asked_by != asked_by)",
        "(asked_by and not job.id)",
        "test_own_jobs.py::test_only_who_asked_for_a_job_sees_it_or_who_may_see_all",
    ),
    Break(
        "a key sees jobs beyond its scopes",
        "app/own_jobs.py",
        "    if caller.scopes.isdisjoint({PERMISSION, EVERYTHING}):\n",
        "    if not caller.scopes:\n",
        "test_own_jobs.py::test_a_key_sees_jobs_if_that_is_its_scope",
    ),
    Break(
        "one caller's key is another's",
        "app/jobs/accepting.py",
        '{task.name}:{self.asked_by}:{self.key}"',
        '{task.name}:{self.key}"',
        "test_own_jobs.py::test_a_key_of_idempotency_is_the_caller_s_own",
    ),
)

MAILS = (
    Break(
        "mails wait in memory",
        "app/mail_jobs.py",
        "    app.state.mails = KeptOutbox(app, app.state.mails.chosen)\n",
        "    _ = KeptOutbox(app, app.state.mails.chosen)\n",
        "test_mail_jobs.py::test_the_service_s_mails_are_kept",
    ),
    Break(
        "a mail that cannot be kept is lost",
        "app/mail_jobs.py",
        'sent at once")\n            await super().deliver(message)\n',
        'sent at once")\n',
        "test_mail_jobs.py::test_what_cannot_be_kept_is_sent_at_once",
    ),
    Break(
        "a mail that is refused for good is tried again",
        "app/tasks/mail_jobs.py",
        "kind = GiveUpError if is_final(error) else NotSentError",
        "kind = NotSentError",
        "test_mail_jobs.py::test_what_is_refused_for_good_is_not_tried_again",
    ),
)


def answered(breaks: tuple[Break, ...], **answers: object) -> list[Break]:
    """Have breaks of a service with workers."""
    return [replace(broken, answers={"tasks": "taskiq", **answers}) for broken in breaks]


JOBS = [
    *answered((*ROWS, *WORKER, *BROKER, *OPEN)),
    *answered(OWN, auth="local"),
    *answered(MAILS, features=["email"]),
]
