"""What would show or give away rows that are somebody's own."""

from __future__ import annotations

from dataclasses import replace

from tests.harness.combinations.domains import EXAMPLES
from tests.harness.promises.definition import BOTH, Break

# Of the example in which issues and comments are somebody's own.
OWNERS = [
    replace(broken, answers={"auth": "local", "resources": EXAMPLES["tracker"]["resources"]})
    for broken in (
        Break(
            "a stranger's row is shown",
            "app/services/issue.py",
            "ONE.where(*owned(Issue.owner_id, owner))",
            "ONE",
            "test_issue.py::test_what_is_somebody_elses_is_not_found",
            BOTH,
        ),
        Break(
            "a stranger's row is changed",
            "app/services/issue.py",
            " or owner not in {None, issue.owner_id}",
            "",
            "test_issue.py::test_what_is_somebody_elses_is_not_found",
        ),
        Break(
            "a stranger's row is removed",
            "app/services/comment.py",
            " or owner not in {None, comment.owner_id}",
            "",
            "test_comment.py::test_what_is_somebody_elses_is_not_found",
        ),
        Break(
            "a stranger's row is listed",
            "app/services/issue.py",
            "[*owned(Issue.owner_id, owner), *conditions(query, FILTERS)]",
            "conditions(query, FILTERS)",
            "test_issue.py::test_a_list_has_ones_own_or_by_a_permission_everybodys",
        ),
        Break(
            "a stranger's row is counted",
            "app/services/issue.py",
            "page.where(*tests), number.where(*tests)",
            "page.where(*tests), number",
            "test_issue.py::test_a_list_has_ones_own_or_by_a_permission_everybodys",
        ),
        Break(
            "a stranger's row is exported",
            "app/services/issue.py",
            "*owned(Issue.owner_id, owner), *conditions(wanted",
            "*conditions(wanted",
            "test_issue.py::test_an_export_has_ones_own_or_by_a_permission_everybodys",
        ),
        Break(
            "what is somebody else's is told apart from what is not there",
            "app/services/comment.py",
            "    if comment is None or owner not in {None, comment.owner_id}:\n",
            "    if comment and owner not in {None, comment.owner_id}:\n"
            '        raise NotFound("It is somebody else\'s.")\n'
            "    if comment is None:\n",
            "test_comment.py::test_what_is_somebody_elses_is_not_found",
        ),
        Break(
            "a new row is nobody's",
            "app/routers/issue.py",
            "user.id, new",
            "UUID(int=0), new",
            "test_issue.py::test_a_new_issue_is_its_makers",
        ),
        Break(
            "the owner of a new row is taken from its body",
            "app/schemas/issue.py",
            '    """An issue to add."""\n',
            '    """An issue to add."""\n\n    owner_id: UUID | MISSING = MISSING\n',
            "test_issue.py::test_a_new_issue_is_its_makers",
        ),
        Break(
            "a row is given away",
            "app/schemas/issue.py",
            '    """What changes in an issue; what is left out stays."""\n',
            '    """What changes in an issue; what is left out stays."""\n\n    owner_id: UUID | MISSING = MISSING\n',
            "test_issue.py::test_issues_are_given_to_nobody_else",
        ),
        Break(
            "a new row refers to a stranger's",
            "app/owning.py",
            "values | dict.fromkeys(beyond, NOBODY)",
            "values",
            "test_comment.py::test_a_reference_to_somebody_elses_is_one_to_nothing",
            BOTH,
        ),
        Break(
            "a reference is moved to a stranger's row",
            "app/services/issue.py",
            "    values = changes.model_dump()\n    await refer(session, Issue, values, reach)\n",
            "    values = changes.model_dump()\n    await refer(session, Issue, values, {})\n",
            "test_issue.py::test_a_reference_cannot_be_moved_to_somebody_elses",
        ),
        Break(
            "a reference to a stranger's row is told apart from one to nothing",
            "app/owning.py",
            "    await database.refer(",
            "    if beyond:\n"
            '        raise database.errors.Invalid("It is somebody else\'s.")\n'
            "    await database.refer(",
            "test_comment.py::test_a_reference_to_somebody_elses_is_one_to_nothing",
        ),
        Break(
            "a permission opens nothing",
            "app/ownership.py",
            "if any(map(caller.may, permissions)):",
            "if False:",
            "test_issue.py::test_a_permission_opens_what_is_somebody_elses",
        ),
        Break(
            "a permission to read opens writing",
            "app/routers/issue.py",
            'WRITE = own_unless("issues:write")',
            'WRITE = own_unless("issues:write", "issues:read")',
            "test_issue.py::test_a_permission_opens_what_is_somebody_elses",
        ),
        Break(
            "a permission opens no references",
            "app/ownership.py",
            'reach(caller, f"{path}:read", f"{path}:write")',
            "caller.user.id",
            "test_owning.py::test_a_permission_opens_everybodys_rows",
        ),
        Break(
            "the scopes of a key do not count for its user's own",
            "app/ownership.py",
            "return NOBODY if caller.scopes.isdisjoint({*permissions, EVERYTHING}) else caller.user.id",
            "return caller.user.id",
            "test_issue.py::test_an_api_key_makes_issues_by_its_scope",
        ),
        Break(
            "any key makes rows of its user's",
            "app/routers/issue.py",
            ", dependencies=[WRITE]",
            "",
            "test_issue.py::test_an_api_key_makes_issues_by_its_scope",
        ),
    )
]
