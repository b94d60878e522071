"""The feature that sends e-mail from templates over SMTP, after the commit."""

from __future__ import annotations

from .model import Command, Feature, Setting

EMAIL = Feature(
    name="email",
    summary="e-mail from templates over SMTP, sent after commit",
    is_component=True,
    requires=("after_commit",),
    paths=(
        "app/email/",
        "deploy/kubernetes/components/email/",
        "docs/email.md",
        "tests/email/",
        "tests/support/smtp.py",
    ),
    is_word=True,
    installs="email",
    explains="email/",
    runtime=("aiosmtplib>=5.1,<6", "jinja2>=3.1.6,<4"),
    test=("aiosmtpd>=1.4.6,<2", "trustme>=1.2,<2"),
    commands=(
        Command(
            name="mail",
            module="app.email.cli",
            meaning="Send a test e-mail.",
            done="Sends a test e-mail",
            is_for_people=True,
        ),
    ),
    settings=(
        Setting(
            name="EMAIL_URL",
            is_secret=True,
            is_needed=True,
            stand_in="smtp://localhost",
            example="smtp://app:change-me@smtp.example.com:587",
            meaning="URL of the SMTP server; without it, `uv run app dev` shows e-mails at /dev/mails.",
        ),
        Setting(
            name="EMAIL_SENDER",
            example="Shop <shop@example.com>",
            default="App <app@localhost>",
            meaning="Sender address of e-mails.",
        ),
        Setting(name="EMAIL_TIMEOUT", example="10", default="10", meaning="Timeout in seconds of each SMTP command."),
    ),
    guidance=("`Mails` sends a `Mail` after commit; its templates are in `app/email/templates/`.",),
)

EMAIL_JOBS = Feature(
    name="email_jobs",
    summary="e-mails sent by jobs, with retries",
    meets=("email", "jobs"),
    paths=(
        "app/tasks/email_queue.py",
        "app/tasks/send_email.py",
        "tests/email/test_email_jobs.py",
    ),
    installs="tasks.email_queue",
)
