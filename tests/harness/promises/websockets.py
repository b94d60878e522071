"""What would tell somebody too much, or nothing, or hold the service up."""

from __future__ import annotations

from dataclasses import replace

from tests.harness.promises.definition import Break

SOCKETS = [
    replace(broken, answers={"features": ["websockets"]})
    for broken in (
        Break(
            "what is rolled back is told",
            "app/websockets/broadcasting.py",
            "after_commit(session, partial(self.publish, sent))",
            "self.publish(sent)",
            "test_websockets.py::test_a_service_has_rooms_of_its_own",
        ),
        Break(
            "what is said to one is heard by all",
            "app/websockets/listener.py",
            "return message.is_general or reach[room] is None or reach[room] == message.owner",
            "return True",
            "test_websockets.py::test_a_service_has_rooms_of_its_own",
        ),
        Break(
            "one hears what one did not ask for",
            "app/websockets/listener.py",
            "if room not in reach or (self.rooms is not None and room not in self.rooms):",
            "if room not in reach:",
            "test_websockets.py::test_one_hears_what_one_asks_for",
        ),
        Break(
            "what is not there can be listened to",
            "app/websockets/listening.py",
            "        raise NotFound(message)\n",
            "        return\n",
            "test_websockets.py::test_what_is_not_there_cannot_be_listened_to",
        ),
        Break(
            "a commit of many rows floods everybody",
            "app/websockets/message.py",
            "if count > MANY}",
            "if count > MANY * MANY}",
            "test_websockets.py::test_many_changes_are_told_as_one",
        ),
        Break(
            "events have no ids",
            "app/websockets/listening.py",
            "id=message.id or None",
            "id=None",
            "test_websockets.py::test_a_stream_of_events_tells_the_same",
        ),
        Break(
            "what came in an interruption is lost",
            "app/websockets/broadcasting.py",
            "list(self.recent)[known[last] :]",
            "list(self.recent)[:0]",
            "test_websockets.py::test_a_stream_that_was_interrupted_goes_on_where_it_was",
        ),
        Break(
            "what is lost for good is not told",
            "app/websockets/broadcasting.py",
            '            listener.put(note("missed"))\n            return\n',
            "            return\n",
            "test_websockets.py::test_a_stream_that_cannot_go_on_says_so",
        ),
        Break(
            "nonsense is taken for nothing",
            "app/websockets/listening.py",
            "        listener.end(UNREADABLE)\n        return\n",
            "        return\n",
            "test_websockets.py::test_what_cannot_be_understood_closes_the_socket",
        ),
        Break(
            "a message may be as long as a client likes",
            "app/websockets/lifecycle.py",
            '        "ws_max_size": chosen.message_limit,\n',
            "",
            "test_websockets.py::test_what_cannot_be_understood_closes_the_socket",
        ),
        Break(
            "what waits for a slow client grows",
            "app/websockets/listener.py",
            "if len(self.waiting) >= self.limit:",
            "if False:",
            "test_websockets.py::test_who_is_a_little_slow_is_told_why",
        ),
        Break(
            "a client that takes nothing is waited for",
            "app/websockets/listener.py",
            "        if self.sending:\n            self.sending.reschedule(asyncio.get_running_loop().time())\n",
            "",
            "test_websockets.py::test_who_takes_nothing_is_let_go_while_others_go_on",
        ),
        Break(
            "one caller takes all sockets",
            "app/websockets/broadcasting.py",
            "if self.callers[ears.caller] >= self.chosen.caller_limit:",
            "if False:",
            "test_websockets.py::test_one_caller_has_only_so_many_sockets",
        ),
        Break(
            "there is no end of sockets",
            "app/websockets/broadcasting.py",
            "len(self.listeners) >= self.chosen.limit:",
            "False:",
            "test_websockets.py::test_one_caller_has_only_so_many_sockets",
        ),
        Break(
            "who has left still counts",
            "app/websockets/broadcasting.py",
            "            self.listeners.discard(listener)\n",
            "",
            "test_websockets.py::test_one_caller_has_only_so_many_sockets",
        ),
        Break(
            "a page of any origin listens",
            "app/websockets/listening.py",
            "    check_origin(connection, hub.origins)\n",
            "",
            "test_websockets.py::test_a_page_of_another_origin_cannot_listen",
        ),
        Break(
            "a page whose origin ends alike listens",
            "app/websockets/cross_origin.py",
            "origin in allowed or",
            "origin.startswith(tuple(allowed)) or",
            "test_websockets.py::test_a_page_of_another_origin_cannot_listen",
        ),
        Break(
            "a service that leaves holds who listens",
            "app/websockets/lifecycle.py",
            "    app.state.hub.close()\n",
            "    return\n",
            "test_websockets.py::test_a_service_that_leaves_lets_everybody_go",
        ),
        Break(
            "a server that stops tells nobody who listens",
            "app/server.py",
            "        readiness.leaving.set()  # whoever holds a connection for long lets go\n",
            "",
            "test_websockets.py::test_a_server_that_is_told_to_stop_waits_for_no_listener",
            drill=True,
        ),
        Break(
            "who does not answer stays",
            "app/websockets/lifecycle.py",
            '        "ws_ping_timeout": chosen.heartbeat,\n',
            '        "ws_ping_timeout": None,\n',
            "test_websockets.py::test_who_does_not_answer_is_gone",
        ),
        Break(
            "each process tells its own alone",
            "app/websockets/broadcasting.py",
            "        if self.pass_on:\n",
            "        if False:\n",
            "test_websockets.py::test_processes_hear_of_each_other_once",
        ),
        Break(
            "what a process says comes back to it",
            "app/websockets/relaying.py",
            'if said["from"] == self.hub.name:',
            "if False:",
            "test_websockets.py::test_processes_hear_of_each_other_once",
        ),
        Break(
            "what is somebody's is everybody's in another process",
            "app/websockets/message.py",
            'bool(found["general"])',
            "True",
            "test_websockets.py::test_what_is_somebodys_stays_theirs_in_another_process",
        ),
        Break(
            "an outage is told again and again",
            "app/websockets/relaying.py",
            "        if not self.is_lost:\n",
            "        if True:\n",
            "test_websockets.py::test_an_outage_of_valkey_keeps_nobody_from_hearing_what_is_near",
        ),
        Break(
            "what an outage has swallowed is not told",
            "app/websockets/relaying.py",
            "        if self.is_lost or self.was_there:\n",
            "        if False:\n",
            "test_websockets.py::test_an_outage_of_valkey_keeps_nobody_from_hearing_what_is_near",
        ),
        Break(
            "what a moment has swallowed is not told",
            "app/websockets/relaying.py",
            "if self.is_lost or self.was_there:",
            "if self.is_lost:",
            "test_websockets.py::test_a_line_that_breaks_for_a_moment_is_a_gap",
        ),
        Break(
            "nonsense from another process makes this one deaf",
            "app/websockets/relaying.py",
            "        except Exception:\n",
            "        except KeyError:\n",
            "test_websockets.py::test_a_line_that_breaks_for_a_moment_is_a_gap",
        ),
        Break(
            "the log takes a refusal for a failure",
            "app/websockets/uvicorn_protocol.py",
            "        self.handshake_complete = self.handshake_complete or self.close_sent\n",
            "",
            "test_websockets.py::test_a_refusal_is_no_error",
        ),
        Break(
            "the log tells tokens",
            "app/websockets/uvicorn_protocol.py",
            "        self.conn.debug = False  # the log of what goes over the line would tell tokens\n",
            "",
            "test_websockets.py::test_a_token_is_in_no_log",
        ),
    )
]

GUARDED_SOCKETS = [
    replace(broken, answers={"auth": "local", "features": ["websockets"]})
    for broken in (
        Break(
            "a browser cannot show who listens",
            "app/guarded_sockets.py",
            "            if shown:\n",
            "            if False:\n",
            "test_guarded_sockets.py::test_a_token_is_shown_as_everywhere_else_or_as_a_subprotocol",
        ),
        Break(
            "everybody hears of everybody's rows",
            "app/guarded_sockets.py",
            "return next((each for each in found if isinstance(each, UUID)), None)",
            "return None",
            "test_guarded_sockets.py::test_what_is_somebodys_own_is_told_to_them",
        ),
        Break(
            "what is said to somebody is heard by everybody",
            "app/guarded_sockets.py",
            "if routes else caller.user.id",
            "if routes else None",
            "test_guarded_sockets.py::test_what_is_said_to_somebody_is_theirs",
        ),
        Break(
            "a permission is not asked of who listens",
            "app/guarded_sockets.py",
            "        except Forbidden:\n            continue\n",
            "        except Forbidden:\n            reach[name] = None\n",
            "test_guarded_sockets.py::test_what_one_may_not_read_one_does_not_hear",
        ),
        Break(
            "what nobody can judge is told",
            "app/guarded_sockets.py",
            "    return not is_asking and all(map(_is_about_callers, dependant.dependencies))\n",
            "    return not is_asking\n",
            "test_guarded_sockets.py::test_what_one_may_not_read_one_does_not_hear",
        ),
        Break(
            "a role counts for as long as a socket is open",
            "app/websockets/listening.py",
            "        listener.ears = await asyncio.shield(looking)\n",
            "        await asyncio.shield(looking)\n",
            "test_guarded_sockets.py::test_a_role_counts_from_the_next_heartbeat",
        ),
        Break(
            "who is signed out hears on",
            "app/websockets/listening.py",
            "        listener.end(VOID)\n",
            "        return\n",
            "test_guarded_sockets.py::test_who_is_signed_out_hears_nothing_more",
        ),
        Break(
            "the stream does not say who may call it",
            "app/guarded_sockets.py",
            ", dependencies=[SIGNED_IN]",
            "",
            "test_access.py::test_every_route_declares_who_may_call_it",
        ),
    )
]
