"""E-mail."""

from __future__ import annotations

from .model import Command, Feature, Setting

EMAIL = Feature(
    name="email",
    summary="mails, sent once what they tell of is committed",
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
            meaning="Send a mail, to try the server with.",
            done="Sends a mail, to try the server with",
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
            meaning="The server that takes mails; without it, `uv run app dev` shows them at /dev/mails.",
        ),
        Setting(name="EMAIL_SENDER", example="Shop <shop@example.com>", meaning="Whom mails come from."),
        Setting(name="EMAIL_TIMEOUT", example="10", meaning="Seconds that the server may take for each answer."),
    ),
    guidance=(
        "`Mails` sends a `Mail` once the transaction is committed; its templates stand in `app/email/templates/`.",
    ),
)

EMAIL_JOBS = Feature(
    name="email_jobs",
    summary="mails that are kept until they are sent",
    meets=("email", "jobs"),
    paths=(
        "app/email/email_jobs.py",
        "app/tasks/send_email.py",
        "tests/email/test_email_jobs.py",
    ),
    installs="email.email_jobs",
)
