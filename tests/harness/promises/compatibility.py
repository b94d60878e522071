"""What would keep silent about what clients lose."""

from __future__ import annotations

from dataclasses import replace

from tests.harness.promises.definition import SQLITE, Break

NARROWING = "development/compatibility/narrowing.py"
BREAKING = "development/compatibility/breaking.py"
COMPARING = "development/compatibility/comparing.py"
WORSE = "test_narrowing.py::test_a_narrower_request_and_a_wider_answer_are_told"
LOST = "test_breaking.py::test_what_clients_lose_is_told"

COMPATIBILITY = [
    replace(broken, databases=SQLITE)  # the quickest to have: nothing of it is asked
    for broken in (
        Break(
            "a bound may become narrower",
            NARROWING,
            "return bool(one[key] > other[key] if key in MOST else one[key] < other[key])",
            "return False",
            WORSE,
        ),
        Break(
            "a value may be left out",
            NARROWING,
            "lost = [value for value in values if value not in kept]",
            "lost = []",
            WORSE,
        ),
        Break(
            "a type may go",
            NARROWING,
            "near = [option for option in options if _is_of(each, option)]",
            "near = options",
            WORSE,
        ),
        Break(
            "answers are compared as requests are",
            NARROWING,
            "self.one, self.other = (new, old) if answers else (old, new)",
            "self.one, self.other, answers = old, new, False",
            WORSE,
        ),
        Break(
            "a field may go",
            NARROWING,
            "            if name not in kept:\n",
            "            if name not in kept and False:\n",
            "test_narrowing.py::test_a_field_that_is_gone_is_told",
        ),
        Break(
            "a new field may be required",
            NARROWING,
            '{*other.get("required", [])} - {*one.get("required", [])}',
            "set()",
            "test_narrowing.py::test_a_new_field_is_told_only_where_it_must_be_sent",
        ),
        Break(
            "a schema that holds itself is followed for ever",
            NARROWING,
            "            self.known[names] = []\n",
            "",
            "test_narrowing.py::test_a_schema_with_a_name_is_told_once_even_if_it_holds_itself",
        ),
        Break(
            "what is not understood is taken for equal",
            NARROWING,
            "            if one.get(key) != other.get(key):\n",
            "            if False:\n",
            "test_narrowing.py::test_what_is_not_understood_is_told_once_it_changes",
        ),
        Break(
            "an operation may go",
            BREAKING,
            "else [gone(name)]",
            "else []",
            LOST,
        ),
        Break(
            "whoever came before may be kept out",
            BREAKING,
            "        yield from self._callers(name, old, new)\n",
            "",
            LOST,
        ),
        Break(
            "a status may go",
            BREAKING,
            'elif status < "400":',
            "elif False:",
            LOST,
        ),
        Break(
            "another name in a path is another path",
            BREAKING,
            "PARAMETER.sub('{}', path)",
            "path",
            "test_breaking.py::test_a_parameter_of_the_path_may_be_called_otherwise",
        ),
        Break(
            "a branch loses what another gained",
            COMPARING,
            'git("merge-base", "--", revision, "HEAD")',
            'git("rev-parse", revision)',
            "test_comparing.py::test_what_another_branch_gained_meanwhile_is_not_lost",
        ),
        Break(
            "what is lost ends well",
            COMPARING,
            "    if all(change.line in reasons for change in found):\n",
            "    if True:\n",
            "test_comparing.py::test_what_is_lost_is_told_with_what_to_do",
        ),
        Break(
            "what went once may go for ever",
            COMPARING,
            "accepted(ROOT) - accepted(old)",
            "accepted(ROOT)",
            "test_comparing.py::test_what_went_once_does_not_go_again_for_the_same_reason",
        ),
        Break(
            "a line without a reason will do",
            COMPARING,
            "return {line.strip() for line in lines if REASON in line}",
            "return {line.strip() + REASON for line in lines}",
            "test_comparing.py::test_what_is_meant_to_go_goes_with_a_reason",
        ),
        Break(
            "the old API is described by packages of today",
            COMPARING,
            "DESCRIBE if locked(directory) == locked(ROOT) else DESCRIBE_BY_LOCK",
            "DESCRIBE",
            "test_comparing.py::test_each_describes_itself_by_its_own_packages",
        ),
        Break(
            "a first push is an error",
            COMPARING,
            'if not revision.strip("0"):',
            "if not revision:",
            "test_comparing.py::test_a_first_push_has_nothing_to_be_compared_with",
        ),
    )
]
