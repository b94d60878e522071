"""What would tell what did not happen, or keep quiet of what did."""

from __future__ import annotations

from dataclasses import replace

from tests.harness.promises.definition import Break

CHANGES = [
    replace(broken, answers={"features": ["websockets"]})
    for broken in (
        Break(
            "what is not committed yet is told",
            "app/changes.py",
            "        after_commit(session, partial(_tell, app, changes))\n",
            "        _tell(app, changes)\n",
            "test_changes.py::test_it_is_told_once_it_can_be_read",
        ),
        Break(
            "what stays the same is told",
            "app/changes.py",
            "if session.is_modified(row):",
            "if True:",
            "test_changes.py::test_what_stays_the_same_is_not_told",
        ),
        Break(
            "what is gone is told as changed",
            "app/changes.py",
            "yield _change(row, Kind.DELETED)",
            "yield _change(row, Kind.UPDATED)",
            "test_changes.py::test_what_a_request_changes_is_told_once",
        ),
        Break(
            "what a statement changes is told to nobody",
            "app/changes.py",
            "if state.bind_mapper is not None:",
            "if False:",
            "test_changes.py::test_a_statement_that_changes_many_rows_is_told_without_them",
        ),
        Break(
            "one that fails keeps the others from hearing",
            "app/changes.py",
            "        except Exception:\n",
            "        except KeyError:\n",
            "test_changes.py::test_one_that_fails_keeps_no_other_from_hearing",
        ),
    )
]
