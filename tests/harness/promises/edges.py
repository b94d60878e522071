"""What would answer wrongly, or not at all: errors, middleware, logs, health, the server."""

from __future__ import annotations

from tests.harness.promises.definition import BOTH, Break

LENIENT = """\
from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Lenient(HttpToolsProtocol):
    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_chunked_length=True,
            lenient_transfer_encoding=True,
            lenient_optional_lf_after_cr=True,
            lenient_optional_cr_before_lf=True,
        )


HTTP_PROTOCOLS["auto"] = f"{__name__}:Lenient"


class Server(uvicorn.Server):
"""

ERRORS = [
    Break(
        "a refusal repeats what was sent",
        "app/errors.py",
        'message=problem["msg"]',
        "message=f\"{problem['msg']}: {problem['input']}\"",
        "test_errors.py::test_a_body_that_does_not_fit_is_not_repeated",
    ),
    Break(
        "an unknown method does not name the known",
        "app/errors.py",
        "_allowed(request) if allowed else error.headers",
        "None",
        "test_errors.py::test_an_unknown_method_is_a_problem_that_names_the_known",
    ),
    Break(
        "an unknown method names the known of one route",
        "app/errors.py",
        "_allowed(request) if allowed else error.headers",
        "error.headers",
        "test_errors.py::test_an_unknown_method_is_a_problem_that_names_the_known",
    ),
    Break(
        "an internal error tells its words",
        "app/errors.py",
        'error = Error("Something went wrong. The log knows more; name the request_id.")',
        "error = Error(str(error))",
        "test_errors.py::test_what_nobody_foresaw_is_a_problem_that_tells_nothing",
    ),
    Break(
        "an internal error leaves no trace",
        "app/errors.py",
        'log.exception("unforeseen")',
        "pass",
        "test_errors.py::test_what_nobody_foresaw_is_a_problem_that_tells_nothing",
    ),
    Break(
        "what the framework raises is no problem document",
        "app/errors.py",
        "    app.add_exception_handler(HTTPException, tell_http)  # type: ignore[arg-type]\n",
        "",
        "test_errors.py::test_an_unknown_path_is_a_problem",
    ),
    Break(
        "a clash is an internal error",
        "app/database.py",
        "constraint = _constraint(violated(error))",
        "constraint = _constraint(None)",
        "test_database.py::test_a_clash_is_a_conflict_that_names_the_fields",
        BOTH,
    ),
]

MIDDLEWARE = [
    Break(
        "a streamed body has no limit",
        "app/middleware.py",
        "            _check(size, limit)\n",
        "",
        "test_middleware.py::test_a_body_that_is_too_long_is_refused",
    ),
    Break(
        "a host is trusted for how it ends",
        "app/middleware.py",
        "tuple(host[1:].lower()",
        "tuple(host[2:].lower()",
        "test_middleware.py::test_a_host_that_is_not_trusted_is_refused",
    ),
    Break(
        "a host is trusted for how it begins",
        "app/middleware.py",
        "if name not in self.exact and",
        "if not name.startswith(tuple(self.exact)) and",
        "test_middleware.py::test_a_host_that_is_not_trusted_is_refused",
    ),
    Break(
        "probes must know the host's name",
        "app/middleware.py",
        ' and not scope["path"].startswith(health.PROBES)',
        "",
        "test_middleware.py::test_probes_know_only_an_address",
    ),
    Break(
        "a page of any origin may call",
        "app/middleware.py",
        "allow_origins=chosen.cors_origins",
        'allow_origins=["*"]',
        "test_middleware.py::test_a_page_of_another_origin_may_not",
    ),
    Break(
        "nothing is compressed",
        "app/middleware.py",
        "if chosen.gzip_from:",
        "if False:",
        "test_middleware.py::test_long_answers_are_compressed_for_those_who_ask",
    ),
    Break(
        "an error of a route's goes out unguarded",
        "app/middleware.py",
        'if message["type"] == "http.response.start":',
        'if message["type"] == "http.response.start" and message["status"] != 422:',
        "test_middleware.py::test_every_answer_is_guarded",
    ),
    Break(
        "what nobody foresaw goes out unguarded",
        "app/middleware.py",
        'if message["type"] == "http.response.start":',
        'if message["type"] == "http.response.start" and message["status"] != 500:',
        "test_middleware.py::test_what_never_reaches_a_route_is_guarded_too",
    ),
    Break(
        "an answer may be framed",
        "app/middleware.py",
        '    (b"x-frame-options", b"DENY"),\n',
        "",
        "test_middleware.py::test_every_answer_is_guarded",
    ),
    Break(
        "a header of a route's is sent twice",
        "app/middleware.py",
        " if header[0] not in names",
        "",
        "test_middleware.py::test_a_guard_that_a_route_sets_itself_stays",
    ),
    Break(
        "who came over http is kept to https",
        "app/middleware.py",
        '"http": HEADERS,',
        '"http": (*HEADERS, *secure),',
        "test_middleware.py::test_who_came_over_https_is_told_to_stay_there",
    ),
    Break(
        "nobody can be left free to come over http",
        "app/middleware.py",
        " if hsts_seconds else ()",
        "",
        "test_middleware.py::test_who_came_over_https_is_told_to_stay_there",
    ),
]

LOGGING = [
    Break(
        "a request's id is taken as it comes",
        "app/logging.py",
        "claimed if SOUND.fullmatch(claimed) else",
        "claimed or",
        "test_logging.py::test_an_id_that_could_forge_a_line_is_replaced",
    ),
    Break(
        "a request's id is sound when it begins so",
        "app/logging.py",
        "SOUND.fullmatch",
        "SOUND.match",
        "test_logging.py::test_an_id_that_could_forge_a_line_is_replaced",
    ),
    Break(
        "a sound id is not kept",
        "app/logging.py",
        "claimed if SOUND.fullmatch(claimed) else uuid4().hex",
        "uuid4().hex",
        "test_logging.py::test_a_sound_id_is_kept",
    ),
    Break(
        "a request is logged twice",
        "app/logging.py",
        "            _tell(scope, status, time.perf_counter() - begun)\n",
        "            _tell(scope, status, time.perf_counter() - begun)\n" * 2,
        "test_logging.py::test_a_request_is_logged_once",
    ),
    Break(
        "a request is not logged",
        "app/logging.py",
        "_tell(scope, status, time.perf_counter() - begun)",
        "pass",
        "test_logging.py::test_a_request_is_logged_once",
    ),
    Break(
        "probes fill the log",
        "app/logging.py",
        "log.debug if scope",
        "log.info if scope",
        "test_logging.py::test_probes_leave_no_line",
    ),
    Break(
        "another is called without the request's id",
        "app/http_client.py",
        "request.headers.setdefault(logging.HEADER, request_id)",
        "pass",
        "test_http_client.py::test_others_are_called_with_the_id_of_the_request",
    ),
    Break(
        "the server logs in a form of its own",
        "app/server.py",
        "                log_config=None,  # its lines are the service's lines\n",
        "",
        "test_server.py::test_every_line_of_a_run_is_json",
        drill=True,
    ),
    Break(
        "the server logs a request once more",
        "app/server.py",
        "access_log=False",
        "access_log=True",
        "test_server.py::test_every_line_of_a_run_is_json",
        drill=True,
    ),
]

HEALTH = [
    Break(
        "the image's health check takes any answer for a good one",
        "app/probe.py",
        ".status == http.HTTPStatus.OK",
        ".status > 0",
        "test_probe.py::test_a_service_that_cannot_answer_is_not_alive",
    ),
    Break(
        "the image's health check ends well whatever it finds",
        "app/probe.py",
        "sys.exit(not alive(",
        "sys.exit(alive(",
        "test_probe.py::test_a_service_that_runs_is_found_alive",
    ),
    Break(
        "readiness asks anew for each who asks",
        "app/health.py",
        "if time.monotonic() - self.checked > FRESH:",
        "if True:",
        "test_health.py::test_those_who_ask_at_once_share_an_answer",
    ),
    Break(
        "those who ask for readiness at once do not wait for one another",
        "app/health.py",
        "async with self.lock:",
        "if True:",
        "test_health.py::test_those_who_ask_at_once_share_an_answer",
    ),
    Break(
        "readiness waits without end",
        "app/health.py",
        "asyncio.timeout(PATIENCE)",
        "asyncio.timeout(None)",
        "test_health.py::test_a_dependency_that_hangs_is_not_waited_for",
    ),
    Break(
        "a service that stops says that it is ready",
        "app/health.py",
        "if self.draining:",
        "if False:",
        "test_health.py::test_a_service_that_stops_is_not_ready",
    ),
    Break(
        "a dependency that fails does not count",
        "app/health.py",
        "        if self.failed:\n",
        "        if False:\n",
        "test_health.py::test_a_dependency_that_fails_costs_readiness_alone",
    ),
    Break(
        "the server stops without a word",
        "app/server.py",
        "        readiness.draining = True\n",
        "",
        "test_server.py::test_a_server_that_is_told_to_stop_loses_no_request",
        drill=True,
    ),
    Break(
        "the server stops at once",
        "app/server.py",
        "round(self.drain_seconds / TICK)",
        "0",
        "test_server.py::test_a_server_that_is_told_to_stop_loses_no_request",
        drill=True,
    ),
]

SERVER = [
    Break(
        "a stranger is believed",
        "app/server.py",
        "list(chosen.forwarded_allow_ips)",
        '["0.0.0.0/0"]',
        "test_server.py::test_a_stranger_is_not_believed",
    ),
    Break(
        "a proxy is not believed",
        "app/server.py",
        "access_log=False,",
        "access_log=False, proxy_headers=False,",
        "test_server.py::test_a_proxy_is_believed",
    ),
    Break(
        "the first address is the client, whoever wrote it",
        "app/server.py",
        "list(chosen.forwarded_allow_ips)",
        '"*"',
        "test_server.py::test_the_last_address_that_is_no_proxy_is_the_client",
    ),
    Break(
        "a private address is believed unasked",
        "app/server.py",
        '("127.0.0.1",)',
        '("127.0.0.1", "10.0.0.0/8")',
        "test_server.py::test_unless_told_otherwise_only_this_machine_is_a_proxy",
    ),
    Break(
        "an address that is none breaks the request",
        "app/logging.py",
        "client=client[0]",
        'client=str(__import__("ipaddress").ip_address(client[0]))',
        "test_server.py::test_what_a_proxy_garbles_breaks_nothing",
    ),
    Break(
        "a proxy without an address is accepted",
        "app/server.py",
        "raise ValueError(message) from None",
        "pass",
        "test_server.py::test_a_proxy_without_an_address_is_refused",
    ),
    Break(
        "the server reads what can be read in two ways",
        "app/server.py",
        "class Server(uvicorn.Server):\n",
        LENIENT,
        "test_server.py::test_a_request_that_can_be_read_in_two_ways_is_refused",
    ),
]
