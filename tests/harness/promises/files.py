"""What would lose content, show it to whom it is not meant for, or hold it as a whole."""

from __future__ import annotations

from dataclasses import replace

from tests.harness.promises.definition import Break

FILES = [
    replace(broken, answers={"features": ["files"]})
    for broken in (
        Break(
            "much of a file is held",
            "app/files/storing.py",
            "PART = 5 << 20",
            "PART = 96 << 20",
            "test_file.py::test_a_file_of_a_gibibyte_fits_through_a_hundred_mebibytes",
            drill=True,
        ),
        Break(
            "a connection is held while content comes",
            "app/services/file.py",
            "    file = await _stored(store, incoming, owner)\n    session.add(file)\n",
            "    await session.connection()\n    file = await _stored(store, incoming, owner)\n    session.add(file)\n",
            "test_file.py::test_a_file_that_comes_slowly_holds_no_connection",
        ),
        Break(
            "a connection is held while content is fetched",
            "app/services/file.py",
            "    await session.close()  # content may take its time; it needs no connection\n",
            "",
            "test_file.py::test_content_that_is_slow_to_come_holds_no_connection",
        ),
        Break(
            "content may be another than its digest says",
            "app/files/receiving.py",
            "        if self.expected and not",
            "        if self.expected is None and not",
            "test_file.py::test_nothing_is_kept_of_what_is_refused",
        ),
        Break(
            "any type is taken",
            "app/files/receiving.py",
            "        if not any(fnmatchcase(self.content_type, pattern) for pattern in self.types):\n",
            "        if not self.types:\n",
            "test_file.py::test_a_type_is_what_content_is_whatever_is_said",
        ),
        Break(
            "a file may be no longer than other bodies",
            "app/files/__init__.py",
            "        middleware.allow(app, path, chosen.limit)\n",
            "        _ = middleware, path\n",
            "test_file.py::test_a_file_may_be_longer_than_other_bodies",
        ),
        Break(
            "other bodies may be as long as files",
            "app/middleware.py",
            'self.limits.get(scope["path"], self.limit)',
            "max([self.limit, *self.limits.values()])",
            "test_file.py::test_a_file_may_be_longer_than_other_bodies",
        ),
        Break(
            "a name turns text around",
            "app/schemas/file.py",
            "    if TURNING.intersection(value) or ",
            "    if ",
            "test_file.py::test_a_name_that_does_something_is_refused",
        ),
        Break(
            "a name has more than one line",
            "app/schemas/file.py",
            " or REFUSED.intersection(map(unicodedata.category, value)):",
            ":",
            "test_file.py::test_a_name_that_does_something_is_refused",
        ),
        Break(
            "a name is a path",
            "app/services/file.py",
            "    await store.put(str(file_id), incoming)\n",
            '    await store.put(f"{file_id}/{incoming.name}", incoming)\n',
            "test_file.py::test_a_name_is_nothing_but_a_name",
        ),
        Break(
            "a browser is told a path",
            "app/files/naming.py",
            """"_" if each in '/\\\\"%' else each""",
            "each",
            "test_sending.py::test_a_name_is_written_so_that_it_stays_one",
        ),
        Break(
            "a browser runs what it is sent",
            "app/files/naming.py",
            'kind = "inline" if content_type.startswith(SHOWN) else "attachment"',
            'kind = "inline"',
            "test_sending.py::test_what_a_browser_would_run_is_only_kept_by_it",
        ),
        Break(
            "blanks make text of a page",
            "app/files/sniffing.py",
            ".lstrip(BLANK)",
            "",
            "test_sniffing.py::test_a_type_is_known_by_its_first_bytes",
        ),
        Break(
            "a part ends a byte early",
            "app/files/sending.py",
            "min(int(last) + 1, size)",
            "min(int(last), size)",
            "test_sending.py::test_a_part_is_sent",
        ),
        Break(
            "a part of another file is sent",
            "app/files/sending.py",
            "is_same = self.range_of in {None, tag}",
            "is_same = True",
            "test_sending.py::test_all_is_sent_where_no_part_can_be_meant",
        ),
        Break(
            "a part that is not there is sent",
            "app/files/sending.py",
            "        raise RangeNotSatisfiable(size)\n",
            "        return None\n",
            "test_sending.py::test_a_part_that_is_not_there_is_refused",
        ),
        Break(
            "what is known is sent again",
            "app/files/sending.py",
            "        if self.known and is_among(tag, self.known):\n",
            "        if self.known == tag:\n",
            "test_sending.py::test_what_is_known_is_not_sent_again",
        ),
        Break(
            "content is compressed",
            "app/files/sending.py",
            '        "Content-Encoding": "identity",',
            '        "X-Encoding": "identity",',
            "test_sending.py::test_long_content_is_not_compressed",
        ),
        Break(
            "what is told is kept from pages of other origins",
            "app/middleware.py",
            '                "ETag",\n',
            "",
            "test_sending.py::test_a_page_of_another_origin_may_read_what_is_told",
        ),
        Break(
            "of several files some are kept",
            "app/services/file.py",
            "        store.discard(*(str(file.id) for file in files))\n",
            "",
            "test_file.py::test_of_several_files_all_are_kept_or_none",
        ),
        Break(
            "a form that ends early is taken for whole",
            "app/files/parting.py",
            '            message = "The body is no multipart/form-data, or ends early."\n'
            "            raise BadRequest(message) from None\n",
            "            self.is_over = True\n",
            "test_file.py::test_a_form_is_read_strictly",
        ),
        Break(
            "content is deleted though its row stays",
            "app/files/storing.py",
            "        after_commit(session, partial(self.discard, key))\n",
            "        _ = after_commit, session\n        self.discard(key)\n",
            "test_file.py::test_content_stays_where_a_removal_is_rolled_back",
        ),
        Break(
            "content stays when its file is removed",
            "app/services/file.py",
            "    store.remove(str(file_id), session)\n",
            "",
            "test_file.py::test_a_file_that_is_removed_is_gone_with_its_content",
        ),
        Break(
            "a store that fails is nobody's fault",
            "app/files/storing.py",
            '    except (BaseError, OSError) as error:\n        log.warning("the store',
            '    except LookupError as error:\n        log.warning("the store',
            "test_file.py::test_a_store_that_fails_midway_is_told_and_leaves_nothing",
        ),
        Break(
            "production keeps files nowhere",
            "app/files/storing.py",
            '            if value.startswith("memory:"):\n',
            "            if not value:\n",
            "test_storing.py::test_a_store_that_is_none_is_told",
        ),
        Break(
            "a bad URL is repeated",
            "app/files/storing.py",
            'message = "It is not a URL of a store"',
            'message = f"It is not a URL of a store: {value}"',
            "test_storing.py::test_a_store_that_is_none_is_told",
        ),
        Break(
            "content that waits for its row is collected",
            "app/files/collecting.py",
            '            if each["last_modified"] < before:\n',
            "            if before:\n",
            "test_collecting.py::test_content_may_wait_for_its_row",
        ),
        Break(
            "content that has a row is collected",
            "app/files/collecting.py",
            "old.keys() - set(rows)",
            "old.keys() - set(list(rows)[1:])",
            "test_collecting.py::test_content_without_a_row_is_deleted",
        ),
        Break(
            "what a process that was killed had begun stays",
            "app/files/collecting.py",
            "        path.unlink(missing_ok=True)\n",
            "        _ = path\n",
            "test_collecting.py::test_what_a_process_that_was_killed_had_begun_is_deleted",
        ),
    )
]

OWN_FILES = [
    replace(broken, answers={"auth": "local", "features": ["files"]})
    for broken in (
        Break(
            "everybody has everybody's files",
            "app/services/file.py",
            "    return [] if owner is None else [File.owner_id == owner]\n",
            "    return []\n",
            "test_own_files.py::test_a_file_is_its_owners_alone",
        ),
        Break(
            "everybody removes everybody's files",
            "app/services/file.py",
            "    if file is None or owner not in {None, file.owner_id}:\n",
            "    if file is None:\n",
            "test_own_files.py::test_a_file_is_its_owners_alone",
        ),
        Break(
            "who may only read removes files",
            "app/own_files.py",
            'WRITE = own_unless("files:write")',
            'WRITE = own_unless("files:read", "files:write")',
            "test_own_files.py::test_a_permission_opens_everybodys_files",
        ),
        Break(
            "a key without a scope sends files",
            "app/own_files.py",
            "(user: CurrentUser, _: Writer)",
            "(user: CurrentUser)",
            "test_own_files.py::test_a_key_needs_a_scope",
        ),
    )
]
