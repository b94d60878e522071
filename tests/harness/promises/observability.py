"""What would keep quiet about what happens, tell what is nobody's business, or have requests wait for a collector."""

from __future__ import annotations

from dataclasses import replace

from tests.harness.promises.definition import Break

OBSERVED = {"features": ["observability"]}
PACKAGE = "app/observability"

TELEMETRY = [
    replace(broken, answers=OBSERVED)
    for broken in (
        Break(
            "requests are not traced",
            f"{PACKAGE}/requests.py",
            '"tracing": made.traces',
            '"tracing": False',
            "test_observability.py::test_a_request_is_a_span_with_its_route",
        ),
        Break(
            "statements are not traced",
            f"{PACKAGE}/requests.py",
            "            stack.enter_context(statements.traced(engine, made.tracers))\n",
            "            pass\n",
            "test_observability.py::test_a_statement_is_a_child_of_its_request",
        ),
        Break(
            "a statement's error has its words in the span",
            f"{PACKAGE}/statements.py",
            "span.set_status(trace.StatusCode.ERROR)",
            "span.set_status(trace.StatusCode.ERROR, str(context.original_exception))",
            "test_observability.py::test_a_statement_that_fails_says_which_error_and_no_value",
        ),
        Break(
            "what a caller decided on its trace counts for nothing",
            f"{PACKAGE}/pipeline.py",
            "return root if is_root else sampling.ParentBased(root)",
            "return root",
            "test_observability.py::test_a_trace_that_its_caller_does_not_keep_is_not_kept",
        ),
        Break(
            "all traces are kept, whatever is set",
            f"{PACKAGE}/pipeline.py",
            "sampling.TraceIdRatioBased(chosen.traces_sampler_arg)",
            "sampling.TraceIdRatioBased(1)",
            "test_observability.py::test_a_share_of_traces_can_be_kept",
        ),
        Break(
            "the log does not know of traces",
            f"{PACKAGE}/requests.py",
            "        logging.ADDED.append(name_span)\n",
            "        pass\n",
            "test_observability.py::test_a_line_of_the_log_names_its_span",
        ),
        Break(
            "a line without a span names one",
            f"{PACKAGE}/requests.py",
            "    if context.is_valid:\n",
            "    if True:\n",
            "test_observability.py::test_without_a_span_a_line_names_none",
        ),
        Break(
            "probes are traced",
            f"{PACKAGE}/requests.py",
            'scope["path"].startswith(health.PROBES)',
            "False",
            "test_observability.py::test_probes_make_no_spans",
        ),
        Break(
            "what a probe asks of the database is traced",
            f"{PACKAGE}/statements.py",
            "        if not trace.get_current_span().is_recording():\n            return\n",
            "",
            "test_observability.py::test_probes_make_no_spans",
        ),
        Break(
            "other services are not told of the trace",
            f"{PACKAGE}/requests.py",
            "            trace_calls(app.state.http_client, made)\n",
            "            pass\n",
            "test_observability.py::test_a_call_to_another_service_is_a_span_and_tells_it_of_the_trace",
        ),
        Break(
            "what somebody searches for is in the span",
            f"{PACKAGE}/pipeline.py",
            "    made.add_span_processor(Discretion())\n",
            "",
            "test_observability.py::test_secrets_stay_out_of_spans",
        ),
        Break(
            "the service is not called as it is told to be",
            f"{PACKAGE}/pipeline.py",
            "{**own, **given, **named}",
            "{**own, **given}",
            "test_observability.py::test_spans_say_which_service_they_are_of",
        ),
        Break(
            "a process that stops waits for a collector that hangs",
            f"{PACKAGE}/pipeline.py",
            "thread.join(max(0.0, end - time.monotonic()))",
            "thread.join()",
            "test_observability.py::test_a_collector_that_hangs_holds_nobody_up",
        ),
        Break(
            "who waits for a connection is not counted",
            f"{PACKAGE}/vitals.py",
            "        with watch.counting():\n            yield\n",
            "        yield\n",
            "test_observability.py::test_metrics_count_who_waits_for_a_connection",
        ),
        Break(
            "who has waited for a connection waits forever",
            f"{PACKAGE}/vitals.py",
            "                self.waiting -= 1\n",
            "                pass\n",
            "test_observability.py::test_metrics_count_who_waits_for_a_connection",
        ),
        Break(
            "connections are not counted",
            f"{PACKAGE}/vitals.py",
            '(("used", "checkedout"), ("idle", "checkedin"))',
            '(("used", "checkedin"), ("idle", "checkedout"))',
            "test_observability.py::test_metrics_count_connections",
        ),
        Break(
            "metrics are only fetched",
            f"{PACKAGE}/pipeline.py",
            "    if chosen.metrics_to:\n",
            "    if not chosen:\n",
            "test_observability.py::test_metrics_are_sent_too",
        ),
        Break(
            "metrics are shown to everybody",
            f"{PACKAGE}/requests.py",
            "    app.include_router(APIRouter(lifespan=lifespan))\n",
            "    app.include_router(APIRouter(lifespan=lifespan))\n"
            '    app.add_route("/metrics", lambda _: __import__("starlette.responses").responses.Response())\n',
            "test_observability.py::test_prometheus_finds_metrics_at_a_port_of_their_own",
        ),
        Break(
            "a port that is taken is a traceback",
            f"{PACKAGE}/scraping.py",
            "    except OSError:\n",
            "    except ZeroDivisionError:\n",
            "test_observability.py::test_a_port_for_metrics_that_is_taken_is_told",
        ),
        Break(
            "two services of one process share their traces",
            f"{PACKAGE}/requests.py",
            '"tracer_provider": made.tracers',
            '"tracer_provider": None',
            "test_observability.py::test_two_services_of_one_process_keep_their_traces_apart",
        ),
        Break(
            "without an endpoint spans are made for nobody",
            f"{PACKAGE}/pipeline.py",
            "    if chosen.traces_to:\n",
            "    if chosen:\n",
            "test_observability.py::test_without_an_endpoint_nothing_is_made",
        ),
        Break(
            "an endpoint that is refused is repeated",
            f"{PACKAGE}/settings.py",
            'message = "It is not a URL of http or https"',
            'message = f"It is not a URL of http or https: {url}"',
            "test_observability.py::test_a_bad_setting_is_told_by_name_and_mend",
        ),
        Break(
            "a signal's own endpoint counts for nothing",
            f"{PACKAGE}/settings.py",
            'return own or (f"{shared}/v1/{signal}" if shared else "")',
            'return f"{shared}/v1/{signal}" if shared else ""',
            "test_observability.py::test_traces_and_metrics_can_go_to_places_of_their_own",
        ),
        Break(
            "commands are not watched",
            "app/__main__.py",
            '        run = importlib.import_module("app.observability").watched(run)\n',
            "",
            "test_observability.py::test_a_command_is_a_span",
        ),
        Break(
            "a command's error has its words in the span",
            f"{PACKAGE}/processes.py",
            "record_exception=False",
            "record_exception=True",
            "test_observability.py::test_a_command_that_fails_says_which_error_and_no_word",
        ),
        Break(
            "what is heavy is imported as the service starts",
            f"{PACKAGE}/reports.py",
            "import sys\n",
            "import sys\n\nimport sentry_sdk\n",
            "test_observability.py::test_what_is_heavy_is_imported_only_where_it_is_wanted",
            drill=True,
        ),
        Break(
            "an alert asks for what nobody tells",
            "deploy/observability/alerts.yml",
            "db_client_connection_pending_requests",
            "db_client_connections_pending_requests",
            "test_observability_files.py::test_alerts_and_dashboard_ask_for_what_the_service_tells",
        ),
        Break(
            "a panel groups by what no metric has",
            "deploy/observability/dashboard.json",
            "sum by (http_route, http_request_method)",
            "sum by (path, http_request_method)",
            "test_observability_files.py::test_alerts_and_dashboard_ask_for_what_the_service_tells",
        ),
    )
]

REPORTS = [
    replace(broken, answers=OBSERVED)
    for broken in (
        Break(
            "errors are not reported",
            f"{PACKAGE}/requests.py",
            "        stack.enter_context(reports.reporting())\n",
            "",
            "test_observability_reports.py::test_an_unforeseen_error_is_reported",
        ),
        Break(
            "a report cannot be joined to the log",
            f"{PACKAGE}/reports.py",
            '            scope.set_tag("request_id", request_id)\n',
            "            pass\n",
            "test_observability_reports.py::test_an_unforeseen_error_is_reported",
        ),
        Break(
            "a report repeats the words of an error",
            f"{PACKAGE}/reports.py",
            '        exception["value"] = ""\n',
            "        pass\n",
            "test_observability_reports.py::test_a_report_says_nothing_that_somebody_sent",
        ),
        Break(
            "a report holds the values of variables",
            f"{PACKAGE}/reports.py",
            "include_local_variables=False",
            "include_local_variables=True",
            "test_observability_reports.py::test_a_report_says_nothing_that_somebody_sent",
        ),
        Break(
            "only requests are reported",
            f"{PACKAGE}/reports.py",
            "        return told[1] if isinstance(told[1], BaseException) else None\n",
            "        return None\n",
            "test_observability_reports.py::test_what_a_library_logs_with_a_traceback_is_reported",
        ),
    )
]

VALKEY = [
    Break(
        "what Valkey is asked is not traced",
        "app/traced_valkey.py",
        "    instrumentor.instrument(tracer_provider=app.state.observability.tracers)\n",
        "",
        "test_traced_valkey.py::test_a_command_is_a_span_without_keys_and_values",
        answers={"features": ["observability", "ratelimit"]},
    ),
    Break(
        "the library is changed for nobody",
        "app/traced_valkey.py",
        "if not app.state.observability.traces:",
        "if False:",
        "test_traced_valkey.py::test_where_no_traces_are_wanted_nothing_is_traced",
        answers={"features": ["observability", "ratelimit"]},
    ),
]

OBSERVABILITY = [*TELEMETRY, *REPORTS, *VALKEY]
