"""Break promises of resources: lists, exports, links, schemas, and rows that have owners."""

from __future__ import annotations

from tests.harness.combinations.domains import EXAMPLES
from tests.harness.promises.definition import BOTH, Break, promise

RESOURCES = [
    *promise(
        "docs/resources.md: update distinguishes absent from null; unknown fields are rejected",
        Break(
            "PATCH resets absent fields",
            "app/schemas/product.py",
            "    released_on: date | MISSING | None = MISSING\n",
            "    released_on: date | None = None\n",
            "test_product.py::test_a_change_leaves_the_rest",
        ),
        Break(
            "ignores unknown fields",
            "app/schemas/base.py",
            'extra="forbid"',
            'extra="ignore"',
            "api/test_schemas.py::test_what_does_not_fit_is_refused",
        ),
    ),
    *promise(
        "template/README.md.jinja: 201 with Location",
        Break(
            "Location is not the new resource",
            "app/links.py",
            "{self.request.url.path}/{row.id}",
            "{self.request.url.path}",
            "api/test_links.py::test_what_is_made_is_shown_where_it_is_said_to_be",
        ),
    ),
    *promise(
        "docs/resources.md: lists are filtered, searched, sorted and paged",
        Break(
            "does not escape wildcards in a search",
            "app/filtering.py",
            ", autoescape=True",
            "",
            "api/test_filtering.py::test_a_list_is_what_was_asked_for",
            BOTH,
        ),
        Break(
            "does not limit the page size",
            "app/pagination.py",
            "Field(20, ge=1, le=100)",
            "Field(20, ge=1)",
            "api/test_pagination.py::test_an_unknown_question_is_refused",
        ),
    ),
    *promise(
        "docs/resources.md: rows are exported",
        Break(
            "exports only the first batches",
            "app/services/product.py",
            "while len(batch) == BATCH:",
            "if len(batch) == BATCH:",
            "test_product.py::test_an_export_has_every_row",
            BOTH,
        ),
        Break(
            "exports formulas unescaped",
            "app/export.py",
            "kept.startswith(FORMULA)",
            "False",
            "api/test_export.py::test_an_export_runs_no_formula",
        ),
    ),
    *promise(
        "docs/resources.md: rows of others return 404, and are in no list, total or export",
        Break(
            "reads another user's row",
            "app/services/issue.py",
            "ONE.where(*owned(Issue.owner_id, owner))",
            "ONE",
            "test_issue.py::test_what_is_somebody_elses_is_not_found",
            BOTH,
        ),
        Break(
            "updates another user's row",
            "app/services/issue.py",
            " or owner not in {None, issue.owner_id}",
            "",
            "test_issue.py::test_what_is_somebody_elses_is_not_found",
        ),
        Break(
            "lists other users' rows",
            "app/services/issue.py",
            "[*owned(Issue.owner_id, owner), *conditions(query, FILTERS)]",
            "conditions(query, FILTERS)",
            "test_issue.py::test_a_list_has_ones_own_or_by_a_permission_everybodys",
        ),
        Break(
            "exports other users' rows",
            "app/services/issue.py",
            "*owned(Issue.owner_id, owner), *conditions(wanted",
            "*conditions(wanted",
            "test_issue.py::test_an_export_has_ones_own_or_by_a_permission_everybodys",
        ),
        Break(
            "accepts a foreign key to another user's row",
            "app/auth/scope.py",
            "values | dict.fromkeys(beyond, NOBODY)",
            "values",
            "test_comment.py::test_a_reference_to_somebody_elses_is_one_to_nothing",
            BOTH,
        ),
        Break(
            "takes owner_id from the request",
            "app/schemas/issue.py",
            '    """An issue to add."""\n',
            '    """An issue to add."""\n\n    owner_id: UUID | MISSING = MISSING\n',
            "test_issue.py::test_a_new_issue_is_its_makers",
        ),
        auth="local",
        resources=EXAMPLES["tracker"]["resources"],
    ),
]
