"""Write what an update of the template brings, for whoever is to merge it.

Called as `python3 template/pipeline/describe.py update.json body.md`.
"""  # noqa: INP001 - a script, which needs nothing but Python

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LONGEST = 60_000  # characters; servers take 65,536 of a description, and Git as many of an option


def listed(title: str, lines: Iterable[str]) -> str:
    """Write a list below a title; nothing when it is empty."""
    entries = [f"- {line}" for line in lines]
    return "\n".join([f"**{title}**", "", *entries]) if entries else ""


def code(value: object) -> str:
    """Show an answer as it is written."""
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`"


def description(report: dict[str, Any]) -> str:
    """Put together the notes, and all that was decided without anybody being asked."""
    answers = report.get("answers", {})
    parts = [
        f"The template goes from {report['before']} to {report['after']}.",
        report.get("notes", "").strip(),
        listed(
            "New questions, and the answers taken",
            (f"`{name}`: {code(answer)}" for name, answer in report.get("questions", {}).items()),
        ),
        listed(
            "Answers that the template has changed",
            (f"`{name}`: {code(was)} → {code(now)}" for name, (was, now) in answers.items()),
        ),
        listed("Questions that are asked no longer", map(code, report.get("dropped", []))),
        listed(
            "Written once, and left as they are, though the template writes them otherwise now",
            map(code, report.get("seeds", [])),
        ),
    ]
    return "\n\n".join(filter(None, parts))[:LONGEST] + "\n"


if __name__ == "__main__":
    found = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    Path(sys.argv[2]).write_text(description(found), "utf-8")
