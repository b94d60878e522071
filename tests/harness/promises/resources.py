"""Faults that violate promises of resources, such as lists, exports, links, schemas and owned rows."""

from __future__ import annotations

from tests.harness.combinations.domains import EXAMPLES
from tests.harness.promises.definition import BOTH, SQLITE, Break, promise

RESOURCES = [
    *promise(
        "docs/resources.md: update distinguishes absent from null; unknown fields are rejected",
        Break(
            "PATCH resets absent fields",
            "app/schemas/product.py",
            "    released_on: date | MISSING | None = MISSING\n",
            "    released_on: date | None = None\n",
            "test_product.py::test_update_leaves_omitted_fields_unchanged",
        ),
        Break(
            "ignores unknown fields",
            "app/schemas/base.py",
            'extra="forbid"',
            'extra="ignore"',
            "api/test_schemas.py::test_invalid_field_returns_422",
        ),
    ),
    *promise(
        "docs/resources.md: decimals have no exponent, and text is NFC",
        Break(
            "writes small decimals with an exponent",
            "app/schemas/base.py",
            '{"serialization": PLAIN} | part if',
            "part if",
            "api/test_export.py::test_export_writes_decimals_without_exponent",
        ),
        Break(
            "rejects zero if all digits are decimal places",
            "app/schemas/base.py",
            "if not is_zero(value):",
            "if True:",
            "api/test_schemas.py::test_zero_is_valid_decimal_without_integer_digits",
        ),
        Break(
            "stores composed and decomposed letters as two values",
            "app/schemas/base.py",
            "is_either = is_text or is_enum",
            "is_either = is_enum",
            "database/test_unicode.py::test_create_duplicate_in_other_normalization_form_returns_409",
        ),
        Break(
            "searches without regard to case for ASCII letters only",
            "app/sqlite.py",
            'connection.create_function("lower", 1, lower, deterministic=True)',
            "pass",
            "database/test_unicode.py::test_search_ignores_case_of_all_letters",
            SQLITE,
        ),
    ),
    *promise(
        "template/README.md.jinja: 201 with Location",
        Break(
            "Location is not the new resource",
            "app/links.py",
            "{self.request.url.path}/{row.id}",
            "{self.request.url.path}",
            "api/test_links.py::test_location_header_is_url_of_created_row",
        ),
    ),
    *promise(
        "docs/resources.md: lists are filtered, searched, sorted and paged",
        Break(
            "does not escape wildcards in a search",
            "app/filtering.py",
            ", autoescape=True",
            "",
            "api/test_filtering.py::test_list_returns_rows_that_match_query",
            BOTH,
        ),
        Break(
            "does not limit the page size",
            "app/pagination.py",
            "Field(20, ge=1, le=100)",
            "Field(20, ge=1)",
            "api/test_pagination.py::test_list_with_invalid_query_parameter_returns_422",
        ),
    ),
    *promise(
        "docs/resources.md: rows are exported",
        Break(
            "exports only the first batches",
            "app/services/product.py",
            "while len(batch) == BATCH:",
            "if len(batch) == BATCH:",
            "test_product.py::test_export_contains_all_rows",
            BOTH,
        ),
        Break(
            "exports formulas unescaped",
            "app/export.py",
            "stored.startswith(FORMULA_PREFIXES)",
            "False",
            "api/test_export.py::test_export_escapes_formulas",
        ),
    ),
    *promise(
        "docs/resources.md: rows of others return 404, and are in no list, total or export",
        Break(
            "reads another user's row",
            "app/services/issue.py",
            "ONE.where(*owned(Issue.owner_id, scope))",
            "ONE",
            "test_issue.py::test_row_of_other_user_returns_404",
            BOTH,
        ),
        Break(
            "updates another user's row",
            "app/services/issue.py",
            " or not scope.includes(issue.owner_id)",
            "",
            "test_issue.py::test_row_of_other_user_returns_404",
        ),
        Break(
            "lists other users' rows",
            "app/services/issue.py",
            "[*owned(Issue.owner_id, scope), *conditions(query, FILTERS)]",
            "conditions(query, FILTERS)",
            "test_issue.py::test_list_contains_only_own_rows_without_permission",
        ),
        Break(
            "exports other users' rows",
            "app/services/issue.py",
            "*owned(Issue.owner_id, scope), *conditions(filters",
            "*conditions(filters",
            "test_issue.py::test_export_contains_only_own_rows_without_permission",
        ),
        Break(
            "accepts a foreign key to another user's row",
            "app/auth/references.py",
            "values | missing",
            "values",
            "test_comment.py::test_create_referencing_row_of_other_user_returns_422",
            BOTH,
        ),
        Break(
            "takes owner_id from the request",
            "app/schemas/issue.py",
            '    """Fields to create an issue."""\n',
            '    """Fields to create an issue."""\n\n    owner_id: UUID | MISSING = MISSING\n',
            "test_issue.py::test_create_sets_owner_to_caller",
        ),
        auth="local",
        resources=EXAMPLES["tracker"]["resources"],
    ),
]
