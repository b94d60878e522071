"""Break promises of errors, middleware, health, shutdown and the OpenAPI document."""

from __future__ import annotations

from tests.harness.promises.definition import Break, promise

HTTP = [
    *promise(
        "README.md: errors are problem documents (RFC 9457)",
        Break(
            "returns Starlette's own 404",
            "app/errors.py",
            "    app.add_exception_handler(HTTPException, tell_http)  # type: ignore[arg-type]\n",
            "",
            "api/test_errors.py::test_an_unknown_path_is_a_problem",
        ),
        Break(
            "OpenAPI does not describe 422 as a problem",
            "app/openapi.py",
            'operation["responses"] |= invalid',
            "pass",
            "api/test_openapi.py::test_every_error_is_described_as_a_problem",
        ),
        Break(
            "OpenAPI does not describe a 404",
            "app/routers/product.py",
            '"/{product_id}", response_model=ProductRead, responses=described(NotFound))',
            '"/{product_id}", response_model=ProductRead)',
            "api/test_openapi.py::test_no_request_breaks_the_service",
            drill=True,
        ),
    ),
    *promise(
        "docs/guides.md: clients see no exception, and nothing that was sent",
        Break(
            "repeats the invalid input in a 422",
            "app/errors.py",
            'message=problem["msg"]',
            "message=f\"{problem['msg']}: {problem['input']}\"",
            "api/test_errors.py::test_a_body_that_does_not_fit_is_not_repeated",
        ),
        Break(
            "returns the exception's message in a 500",
            "app/errors.py",
            'error = Error("Something went wrong. The log knows more; name the request_id.")',
            "error = Error(str(error))",
            "api/test_errors.py::test_what_nobody_foresaw_is_a_problem_that_tells_nothing",
        ),
    ),
    *promise(
        "template/README.md.jinja: TRUSTED_HOSTS, and 400 for any other",
        Break(
            "trusts a host name by its suffix",
            "app/middleware.py",
            "tuple(host[1:].lower()",
            "tuple(host[2:].lower()",
            "server/test_middleware.py::test_a_host_that_is_not_trusted_is_refused",
        ),
    ),
    *promise(
        "template/README.md.jinja: every response has security headers",
        Break(
            "sends a 500 without security headers",
            "app/middleware.py",
            'if message["type"] == "http.response.start":',
            'if message["type"] == "http.response.start" and message["status"] != 500:',
            "server/test_middleware.py::test_what_never_reaches_a_route_is_guarded_too",
        ),
    ),
    *promise(
        "template/docs/files.md: 413 for a body over BODY_LIMIT",
        Break(
            "does not limit a chunked body",
            "app/middleware.py",
            "            _check(size, limit)\n",
            "",
            "server/test_middleware.py::test_a_body_that_is_too_long_is_refused",
        ),
    ),
    *promise(
        "docs/guides.md: each request is logged once, as JSON",
        Break(
            "does not log a request",
            "app/logging.py",
            "_tell(scope, status, time.perf_counter() - begun)",
            "pass",
            "server/test_logging.py::test_a_request_is_logged_once",
        ),
    ),
    *promise(
        "template/README.md.jinja: proxies are believed only if named in FORWARDED_ALLOW_IPS",
        Break(
            "believes X-Forwarded-For of any client",
            "app/server.py",
            "list(chosen.forwarded_allow_ips)",
            '["0.0.0.0/0"]',
            "server/test_server.py::test_a_stranger_is_not_believed",
        ),
    ),
    *promise(
        "template/README.md.jinja: two probes",
        Break(
            "is ready although its database is unavailable",
            "app/health.py",
            "        if self.failed:\n",
            "        if False:\n",
            "server/test_health.py::test_a_dependency_that_fails_costs_readiness_alone",
        ),
        Break(
            "is ready while it drains",
            "app/health.py",
            "if self.draining:",
            "if False:",
            "server/test_health.py::test_a_service_that_stops_is_not_ready",
        ),
    ),
    *promise(
        "README.md: shuts down without losing a request",
        Break(
            "stops without draining",
            "app/server.py",
            "round(self.drain_seconds / TICK)",
            "0",
            "server/test_server.py::test_a_server_that_is_told_to_stop_loses_no_request",
            drill=True,
        ),
    ),
]
