"""Faults that violate promises of errors, middleware, health checks, shutdown and the OpenAPI document."""

from __future__ import annotations

from tests.harness.promises.definition import Break, promise

HTTP = [
    *promise(
        "README.md: errors are problem documents (RFC 9457)",
        Break(
            "returns Starlette's own 404",
            "app/errors.py",
            "    app.add_exception_handler(HTTPException, handle_http_exception)  # type: ignore[arg-type]\n",
            "",
            "api/test_errors.py::test_unknown_path_returns_404",
        ),
        Break(
            "OpenAPI does not describe 422 as a problem",
            "app/openapi.py",
            'operation["responses"] |= validation',
            "pass",
            "api/test_openapi.py::test_documented_error_responses_are_problem_documents",
        ),
        Break(
            "OpenAPI does not describe a 404",
            "app/routers/product.py",
            '"/{product_id}", response_model=ProductRead, responses=error_responses(NotFound))',
            '"/{product_id}", response_model=ProductRead)',
            "api/test_openapi.py::test_random_requests_cause_no_500",
            drill=True,
        ),
    ),
    *promise(
        "docs/guides.md: clients see no exception, and nothing that was sent",
        Break(
            "echoes the invalid input in a 422",
            "app/errors.py",
            "message=validation_messages.message(problem)",
            "message=f\"{validation_messages.message(problem)}: {problem['input']}\"",
            "api/test_errors.py::test_validation_error_does_not_echo_values",
        ),
        Break(
            "returns the exception's message in a 500",
            "app/errors.py",
            'error = Error("Internal server error. Quote the request_id when you report it.")',
            "error = Error(str(error))",
            "api/test_errors.py::test_unhandled_exception_returns_500_without_details",
        ),
    ),
    *promise(
        "template/README.md.jinja: TRUSTED_HOSTS, and 400 for any other",
        Break(
            "trusts a host name by its suffix",
            "app/middleware.py",
            "tuple(host[1:] for",
            "tuple(host[2:] for",
            "server/test_middleware.py::test_untrusted_host_returns_400",
        ),
    ),
    *promise(
        "template/README.md.jinja: every response has security headers",
        Break(
            "sends a 500 without security headers",
            "app/middleware.py",
            'if message["type"] in {"http.response.start", "websocket.http.response.start"}:',
            'if message.get("status", 500) != 500:',
            "server/test_middleware.py::test_rejected_requests_have_security_headers",
        ),
    ),
    *promise(
        "template/docs/files.md.jinja: 413 for a body over BODY_LIMIT",
        Break(
            "does not limit a chunked body",
            "app/middleware.py",
            "            _check(size, limit)\n",
            "",
            "server/test_middleware.py::test_body_over_limit_returns_413",
        ),
    ),
    *promise(
        "docs/guides.md: each request is logged once, as JSON",
        Break(
            "does not log a request",
            "app/logging.py",
            "_log_request(scope, status, time.perf_counter() - start)",
            "pass",
            "server/test_logging.py::test_access_log_has_one_line_per_request",
        ),
    ),
    *promise(
        "template/docs/proxy.md: no cache stores a response",
        Break(
            "lets caches store responses",
            "app/middleware.py",
            'NO_STORE = (b"cache-control", b"no-store")',
            'NO_STORE = (b"x-cache-control", b"no-store")',
            "api/test_caching.py::test_every_operation_returns_private_response_unless_public",
        ),
        Break(
            "lets shared caches mix up callers",
            "app/middleware.py",
            "    yield VARY\n",
            "",
            "api/test_caching.py::test_caching_of_route_is_private_unless_public",
        ),
    ),
    *promise(
        "template/docs/proxy.md: a write that a page of another origin sends gets 403",
        Break(
            "accepts forms of other origins",
            "app/middleware.py",
            "if not is_allowed and _is_cross_origin(headers):",
            "if False:",
            "server/test_middleware.py::test_write_by_page_of_other_origin_returns_403",
        ),
    ),
    *promise(
        "template/README.md.jinja: production needs TRUSTED_HOSTS",
        Break(
            "starts in production for any host",
            "app/middleware.py",
            'if not values and info.data.get("environment") is Environment.PRODUCTION:',
            "if False:",
            "server/test_middleware.py::test_production_without_trusted_hosts_does_not_start",
        ),
    ),
    *promise(
        "template/README.md.jinja: proxies are believed only if named in FORWARDED_ALLOW_IPS",
        Break(
            "believes X-Forwarded-For of any client",
            "app/server.py",
            "list(config.forwarded_allow_ips)",
            '["0.0.0.0/0"]',
            "server/test_server.py::test_forwarded_headers_from_untrusted_client_are_ignored",
        ),
    ),
    *promise(
        "template/README.md.jinja: two probes",
        Break(
            "is ready although its database is unavailable",
            "app/health.py",
            "        if self.failed:\n",
            "        if False:\n",
            "server/test_health.py::test_failing_dependency_fails_readiness_but_not_liveness",
        ),
        Break(
            "is ready while it drains",
            "app/health.py",
            "if self.draining:",
            "if False:",
            "server/test_health.py::test_draining_service_is_not_ready",
        ),
    ),
    *promise(
        "template/docs/proxy.md: the service accepts a prefix that a proxy removes or keeps",
        Break(
            "does not add the prefix to a path from which a proxy has removed it",
            "app/routing/root_path.py",
            "    app.add_middleware(RootPath)\n",
            "",
            "server/test_root_path.py::test_links_have_root_path",
        ),
        Break(
            "counts probes that contain the prefix as requests",
            "app/routing/root_path.py",
            'return path.removeprefix(root) if path.startswith(f"{root}/") else path',
            "return path",
            "server/test_root_path.py::test_paths_of_middleware_are_compared_without_root_path",
        ),
    ),
    *promise(
        "template/docs/proxy.md: HEAD gets the headers of GET without content",
        Break(
            "rejects HEAD",
            "app/middleware.py",
            "    app.add_middleware(HeadRequests)\n",
            "",
            "server/test_head.py::test_head_returns_status_and_headers_of_get",
        ),
        Break(
            "sends the whole stream to HEAD",
            "app/routing/head.py",
            "                raise ResponseComplete\n",
            "                pass\n",
            "server/test_head.py::test_head_ends_stream_and_releases_database_connection",
        ),
    ),
    *promise(
        "README.md: shuts down without losing a request",
        Break(
            "stops without draining",
            "app/server.py",
            "round(self.drain_seconds / POLL_INTERVAL)",
            "0",
            "server/test_server.py::test_graceful_shutdown_loses_no_request",
            drill=True,
        ),
    ),
]
