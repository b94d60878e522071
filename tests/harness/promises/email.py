"""What would send mails that are not to be sent, or none."""

from __future__ import annotations

from dataclasses import replace

from tests.harness.promises.definition import Break

EMAIL = [
    replace(broken, answers={"features": ["email"]})
    for broken in (
        Break(
            "what follows a commit comes before it",
            "app/after_commit.py",
            "    inner.info[KEY].append((inner.get_nested_transaction(), call))\n",
            "    call()\n",
            "test_after_commit.py::test_it_is_called_once_all_is_committed",
        ),
        Break(
            "what follows a commit follows a rollback",
            "app/after_commit.py",
            "    session.info[KEY] = kept\n",
            "    session.info[KEY] = waiting if not previous.nested else kept\n",
            "test_after_commit.py::test_it_is_not_called_after_a_rollback",
        ),
        Break(
            "what a savepoint asked for outlives it",
            "app/after_commit.py",
            "if previous.nested and at is not previous]",
            "if previous.nested]",
            "test_after_commit.py::test_a_savepoint_takes_its_own_with_it",
        ),
        Break(
            "what ended in a savepoint outlives what is around",
            "app/after_commit.py",
            "[(around if at is savepoint else at, call) for at, call in waiting]",
            "[(None if at is savepoint else at, call) for at, call in waiting]",
            "test_after_commit.py::test_a_savepoint_that_ended_is_undone_with_what_is_around",
        ),
        Break(
            "a savepoint counts as a commit",
            "app/after_commit.py",
            "    if savepoint is not None:\n",
            "    if savepoint is not None and False:\n",
            "test_after_commit.py::test_a_savepoint_takes_its_own_with_it",
        ),
        Break(
            "what fails after a commit keeps others from their turn",
            "app/after_commit.py",
            "        except Exception:\n            log",
            "        except LookupError:\n            log",
            "test_after_commit.py::test_one_that_fails_keeps_no_other_from_its_turn",
        ),
        Break(
            "a mail is sent before the commit",
            "app/email/outbox.py",
            "        if session is None:\n",
            "        if session:\n",
            "test_email.py::test_a_mail_is_sent_once_all_is_committed",
        ),
        Break(
            "a server that is busy is not tried again",
            "app/email/outbox.py",
            "if pause is None or is_final(error):",
            "if error:",
            "test_email.py::test_a_server_that_is_busy_is_tried_again",
        ),
        Break(
            "what is refused for good is tried again",
            "app/email/outbox.py",
            "if pause is None or is_final(error):",
            "if pause is None:",
            "test_email.py::test_what_cannot_be_sent_is_told_in_the_log",
        ),
        Break(
            "a lost mail is not told",
            "app/email/outbox.py",
            '                log.error("a mail is not sent", mail=message["Message-ID"], **_told(error))\n',
            "",
            "test_email.py::test_what_cannot_be_sent_is_told_in_the_log",
        ),
        Break(
            "mails that wait are lost when the process stops",
            "app/email/outbox.py",
            "            await outbox.waiting.join()\n",
            "            pass\n",
            "test_email.py::test_mails_that_wait_are_sent_before_the_process_stops",
        ),
        Break(
            "too many mails stop the service",
            "app/email/outbox.py",
            "        if self.waiting.full():\n",
            "        if False:\n",
            "test_email.py::test_no_more_wait_than_there_is_room_for",
        ),
        Break(
            "a server is spoken to in the clear",
            "app/email/outbox.py",
            'start_tls=url.drivername == "smtp" and is_encrypted(url),',
            "start_tls=False,",
            "test_email.py::test_a_server_is_spoken_to_in_secret",
        ),
        Break(
            "anybody is taken for the server",
            "app/email/outbox.py",
            "        timeout=chosen.timeout,\n",
            "        timeout=chosen.timeout,\n        validate_certs=False,\n",
            "test_email.py::test_a_server_is_spoken_to_in_secret",
        ),
        Break(
            "a value is HTML",
            "app/email/message.py",
            'select_autoescape(["html"])',
            "False",
            "test_email.py::test_a_value_is_no_html",
        ),
        Break(
            "an address has more than one line",
            "app/email/message.py",
            " or not text.isprintable():",
            ":",
            "test_email.py::test_what_is_no_address_gets_no_mail",
        ),
        Break(
            "a mail tells what it holds",
            "app/email/message.py",
            'return f"Mail({self.template!r})"',
            'return f"Mail({self.template!r}, {self.values!r})"',
            "test_email.py::test_a_mail_does_not_tell_what_it_holds",
        ),
        Break(
            "a password travels in the clear",
            "app/email/outbox.py",
            "    if url.password and not is_encrypted(url) and url.host not in HERE:\n",
            "    if False:\n",
            "test_email.py::test_production_refuses_what_sends_nothing_or_tells_secrets",
        ),
        Break(
            "production sends nothing",
            "app/email/outbox.py",
            'if value is None and info.data.get("environment") is Environment.PRODUCTION:',
            "if False:",
            "test_email.py::test_production_refuses_what_sends_nothing_or_tells_secrets",
        ),
        Break(
            "everybody sees the mails",
            "app/email/outbox.py",
            "    if chosen.url is None and chosen.environment is Environment.DEVELOPMENT:\n",
            "    if chosen.url is None:\n",
            "test_email.py::test_nobody_else_shows_them",
        ),
    )
]

ACCOUNT_MAIL = [
    replace(broken, answers={"auth": "local", "features": ["email"]})
    for broken in (
        Break(
            "a link leads nowhere",
            "app/account_mail.py",
            '#{link.token}"',
            '"',
            "test_account_mail.py::test_who_registers_gets_a_link_that_works",
        ),
        Break(
            "who is there already gets what a newcomer gets",
            "app/services/login.py",
            "    letter = Letter.KNOWN\n",
            "    letter = Letter.VERIFY\n",
            "test_account_mail.py::test_who_is_there_already_is_told_so",
        ),
        Break(
            "production sends links nowhere",
            "app/account_mail.py",
            'if not value and info.data.get("environment") is Environment.PRODUCTION:',
            "if False:",
            "test_account_mail.py::test_production_says_where_links_lead",
        ),
    )
]
