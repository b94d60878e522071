"""What would hold up nobody, or everybody."""

from __future__ import annotations

from dataclasses import replace

from tests.harness.promises.definition import Break

WITH_LIMITS = {"features": ["ratelimit"]}

LIMITS = [
    replace(broken, answers=WITH_LIMITS)
    for broken in (
        Break(
            "what is left is not told",
            "app/ratelimit.py",
            "    app.add_middleware(Told)\n",
            "",
            "test_ratelimit.py::test_what_is_left_is_told",
        ),
        Break(
            "an answer tells of requests before it",
            "app/ratelimit.py",
            '        scope.setdefault("state", {})["rates"] = noted\n',
            '        noted = scope.setdefault("state", {}).setdefault("rates", noted)\n',
            "test_ratelimit.py::test_an_answer_tells_of_its_own_request_only",
        ),
        Break(
            "what is left is kept from pages of other origins",
            "app/middleware.py",
            '                "RateLimit",\n',
            "",
            "test_ratelimit.py::test_a_page_of_another_origin_may_read_what_is_left",
        ),
        Break(
            "too much is let pass",
            "app/ratelimit.py",
            "if not counted.allowed:",
            "if False:",
            "test_ratelimit.py::test_too_much_is_refused_as_a_problem",
        ),
        Break(
            "who is refused is not told for how long",
            "app/ratelimit.py",
            '        self.headers = {"Retry-After": str(seconds)}\n',
            "",
            "test_ratelimit.py::test_too_much_is_refused_as_a_problem",
        ),
        Break(
            "all addresses are one",
            "app/ratelimit.py",
            'host = connection.client.host if connection.client else ""',
            'host = ""',
            "test_ratelimit.py::test_each_address_has_a_count_of_its_own",
        ),
        Break(
            "a household has more addresses than anybody can count",
            "app/ratelimit.py",
            "int(found) >> 64 << 64",
            "int(found)",
            "test_ratelimit.py::test_addresses_of_one_household_are_one",
        ),
        Break(
            "a caller who is known is an address",
            "app/ratelimit.py",
            'return f"caller {known}" if known else address(connection)',
            "return address(connection)",
            "test_ratelimit.py::test_each_caller_who_is_known_has_a_count_of_its_own",
        ),
        Break(
            "signing in counts callers",
            "app/ratelimit.py",
            "address(connection) if name in SIGN_IN else caller(connection)",
            "caller(connection)",
            "test_ratelimit.py::test_signing_in_counts_addresses_whoever_calls",
        ),
        Break(
            "a rate for one route frees those of signing in",
            "app/ratelimit.py",
            "given = SIGN_IN | {",
            "given = {",
            "test_ratelimit.py::test_signing_in_is_limited_unless_another_rate_is_set",
        ),
        Break(
            "a route's own rate counts for nothing",
            "app/ratelimit.py",
            'await count(connection, connection.scope["route"].name, limit, caller(connection))',
            "pass",
            "test_ratelimit.py::test_a_route_has_a_rate_of_its_own",
        ),
        Break(
            "a client chooses its address",
            "app/ratelimit.py",
            'host = connection.client.host if connection.client else ""',
            'host = connection.headers.get("X-Forwarded-For") or connection.client.host',
            "test_ratelimit.py::test_only_a_trusted_proxy_names_the_address",
        ),
        Break(
            "who reads the documentation is counted",
            "app/ratelimit.py",
            'FREE = (health.PROBES, "/docs")',
            "FREE = (health.PROBES,)",
            "test_ratelimit.py::test_probes_and_documentation_are_not_limited",
        ),
        Break(
            "limits cannot be off",
            "app/ratelimit.py",
            "if not self.enabled or now < self.asked_from:",
            "if now < self.asked_from:",
            "test_ratelimit.py::test_limits_can_be_off",
        ),
        Break(
            "the description keeps quiet about limits",
            "app/ratelimit.py",
            "    app.router.responses |= errors.described(TooManyRequests)\n",
            "",
            "test_ratelimit.py::test_the_description_says_that_there_are_limits",
        ),
        Break(
            "a rate that cannot be read is repeated",
            "app/ratelimit.py",
            'message = "It is not a rate"',
            'message = f"It is not a rate: {value}"',
            "test_ratelimit.py::test_a_bad_setting_is_told_by_name_and_mend",
        ),
        Break(
            "a URL for Valkey is repeated when it is refused",
            "app/valkey.py",
            'message = "It is not a URL of Valkey or Redis"',
            'message = f"It is not a URL of Valkey or Redis: {value}"',
            "test_ratelimit.py::test_a_bad_setting_is_told_by_name_and_mend",
        ),
        Break(
            "each process counts for itself",
            "app/ratelimit.py",
            "    if url is None:\n",
            "    if url:\n",
            "test_ratelimit.py::test_processes_share_what_valkey_counts",
        ),
        Break(
            "an outage of Valkey is the service's",
            "app/ratelimit.py",
            "except (RedisError, OSError) as error:",
            "except ZeroDivisionError as error:",
            "test_ratelimit.py::test_an_outage_holds_nobody_up_and_ends_by_itself",
        ),
        Break(
            "an outage is told with every request",
            "app/ratelimit.py",
            "        if not self.lost:\n",
            "        if True:\n",
            "test_ratelimit.py::test_an_outage_holds_nobody_up_and_ends_by_itself",
        ),
        Break(
            "an outage does not end",
            "app/ratelimit.py",
            "self.lost, self.asked_from = False, 0.0",
            "pass",
            "test_ratelimit.py::test_an_outage_holds_nobody_up_and_ends_by_itself",
        ),
        Break(
            "a Valkey that says nothing is asked by every request",
            "app/ratelimit.py",
            "        self.asked_from = time.monotonic() + PAUSE\n",
            "",
            "test_ratelimit.py::test_a_valkey_that_says_nothing_is_asked_once",
        ),
        Break(
            "a Valkey that says nothing is waited for",
            "app/ratelimit.py",
            "asyncio.timeout(PATIENCE)",
            "asyncio.timeout(None)",
            "test_ratelimit.py::test_a_valkey_that_says_nothing_is_asked_once",
        ),
    )
]
