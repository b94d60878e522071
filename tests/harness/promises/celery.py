"""What would have Celery lose messages, harm other programs, or be seen by nobody."""

from __future__ import annotations

from functools import partial

from tests.harness.promises.definition import SQLITE, Break

_broken = partial(Break, answers={"tasks": "celery"}, databases=SQLITE)

CELERY = [
    _broken(
        "other programs' tasks are unknown",
        "app/celery/program.py",
        'TASK = "job"\n',
        'TASK = "errand"\n',
        "test_celery.py::test_other_programs_tell_of_jobs",
    ),
    _broken(
        "a worker that stops keeps what it was told",
        "app/celery/listening.py",
        "            raise Reject(requeue=True) from None\n",
        "            return\n",
        "test_celery.py::test_a_worker_that_stops_gives_back_what_it_has_not_begun",
    ),
    _broken(
        "a worker that is killed keeps what it was told",
        "app/celery/listening.py",
        "acks_late=True",
        "acks_late=False",
        "test_celery.py::test_what_one_worker_has_no_hand_for_is_told_to_another",
    ),
    _broken(
        "long tasks of other programs are done twice",
        "app/celery/program.py",
        '        "unacked_key": f"{queue}:unacked",\n',
        "",
        "test_celery.py::test_what_other_programs_have_not_confirmed_is_kept_apart",
    ),
    _broken(
        "messages that nobody hears fill the memory",
        "app/celery/sender.py",
        "            channel.client.ltrim(program.queue, 0, KEPT - 1)\n",
        "            _ = channel, KEPT\n",
        "test_celery.py::test_messages_do_not_pile_up",
    ),
    _broken(
        "threads outlive their worker",
        "app/celery/listening.py",
        "            self.stop()\n",
        "            pass\n",
        "test_celery.py::test_a_worker_ends_with_its_threads_and_begins_anew",
    ),
    _broken(
        "jobs go where another program's variable says",
        "app/celery/program.py",
        "connection_for_write(url or self.address, **more)",
        "connection_for_write(url, **more)",
        "test_celery.py::test_where_other_programs_go_is_nothing_to_the_service",
    ),
    _broken(
        "results go where another program's variable says",
        "app/celery/program.py",
        'backend_cls = "disabled"',
        "backend_cls = None",
        "test_celery.py::test_where_other_programs_go_is_nothing_to_the_service",
    ),
    _broken(
        "a worker that begins as Valkey goes tries for ever",
        "app/celery/program.py",
        ' | {"max_retries": 0}',
        "",
        "test_celery.py::test_what_fails_as_valkey_goes_is_not_tried_again",
    ),
    _broken(
        "the log tells where Valkey is, password and all",
        "app/celery/listening.py",
        "    hearing = Hearing(hear)\n",
        '    hearing = Hearing(hear)\n    logging.getLogger("celery").warning(Program(url, name, patience).address)\n',
        "test_celery.py::test_no_password_is_logged",
    ),
    _broken(
        "any certificate will do",
        "app/celery/program.py",
        '{"ssl_cert_reqs": "required"}',
        '{"ssl_cert_reqs": "none"}',
        "test_celery.py::test_a_certificate_is_checked",
    ),
    _broken(
        "a worker does not notice that Valkey is away",
        "app/celery/listening.py",
        "    if isinstance(error, LOST):\n",
        "    if isinstance(error, ValueError):\n",
        "test_jobs_broker.py::test_while_valkey_is_away_jobs_are_accepted_and_done",
    ),
]
