"""What clients of one description of the API lose by another."""

import re
from collections.abc import Iterator
from itertools import chain
from json import dumps
from typing import Any

from development.compatibility.narrowing import Change, Narrowing, gone, required

Part = dict[str, Any]
Parameters = dict[tuple[str, str], Part]

METHODS = ("delete", "get", "head", "options", "patch", "post", "put", "trace")
PARAMETER = re.compile(r"\{[^}]*\}")


def breaks(old: Part, new: Part) -> list[Change]:
    """List what is taken from clients, each change once."""
    comparison = _Comparison(old, new)
    kept = dict(_operations(new))
    found = (
        comparison.of(name, operation, kept[key]) if key in kept else [gone(name)]
        for key, (name, operation) in _operations(old)
    )
    return list(dict.fromkeys(chain.from_iterable(found)))


def _operations(document: Part) -> Iterator[tuple[str, tuple[str, Part]]]:
    """Give the operations by method and path, whatever the parameters of the path are called."""
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                shared = item.get("parameters", [])
                own = item[method].get("parameters", [])
                operation = item[method] | {"parameters": [*shared, *own]}
                key = f"{method} {PARAMETER.sub('{}', path)}"
                yield key, (f"{method.upper()} {path}", operation | {"path": path})


class _Comparison:
    def __init__(self, old: Part, new: Part) -> None:
        self.old, self.new = old, new
        self.requests = Narrowing(old, new, answers=False)
        self.answers = Narrowing(old, new, answers=True)

    def of(self, name: str, old: Part, kept: tuple[str, Part]) -> Iterator[Change]:
        """Compare an operation with what it has become."""
        _, new = kept
        yield from self._callers(name, old, new)
        yield from self._parameters(name, _parameters(old), _parameters(new))
        yield from self._body(f"{name}: the body", old.get("requestBody"), new.get("requestBody"))
        yield from self._responses(name, old["responses"], new["responses"])

    def _callers(self, name: str, old: Part, new: Part) -> Iterator[Change]:
        """Look for a way in that was enough and is no more."""
        before, after = _ways(old, self.old), _ways(new, self.new)
        if not all(any(way <= known for way in after) for known in before):
            yield Change(name, "asks callers for more", "go on letting in those who came before")

    def _parameters(self, name: str, old: Parameters, new: Parameters) -> Iterator[Change]:
        for key, parameter in old.items():
            where = f"{name}: {parameter['in']} {parameter['name']}"
            if key not in new:
                yield gone(where)
                continue
            if new[key].get("required") and not parameter.get("required"):
                yield required(where)
            yield from self.requests.changes(_schema(parameter), _schema(new[key]), where)
        for key in new.keys() - old.keys():
            if new[key].get("required"):
                yield required(f"{name}: {new[key]['in']} {new[key]['name']}")

    def _body(self, where: str, old: Part | None, new: Part | None) -> Iterator[Change]:
        if new is None:
            yield from [gone(where)] if old else []
        elif new.get("required") and not (old and old.get("required")):
            yield required(where)
        if old and new:
            yield from self._contents(where, old, new, self.requests)

    def _responses(self, name: str, old: Part, new: Part) -> Iterator[Change]:
        """Compare the answers; errors may come and go, but stay as they are."""
        for status, answer in old.items():
            where = f"{name}: the answer {status}"
            if status in new:
                yield from self._headers(where, answer, new[status])
                yield from self._contents(where, answer, new[status], self.answers)
            elif status < "400":
                yield Change(where, "is gone", "go on answering this way")

    @staticmethod
    def _headers(where: str, old: Part, new: Part) -> Iterator[Change]:
        for header in sorted(old.get("headers", {}).keys() - new.get("headers", {}).keys()):
            yield gone(f"{where}, header {header}")

    @staticmethod
    def _contents(where: str, old: Part, new: Part, narrowing: Narrowing) -> Iterator[Change]:
        for kind, content in old.get("content", {}).items():
            if kind in new.get("content", {}):
                schemas = (content.get("schema", {}), new["content"][kind].get("schema", {}))
                yield from narrowing.changes(*schemas, where)
            else:
                yield gone(f"{where} as {kind}")


def _parameters(operation: Part) -> Parameters:
    """Give the parameters by place and name; those of the path by their number."""
    numbers = {
        name: str(number) for number, name in enumerate(PARAMETER.findall(operation["path"]))
    }
    found: Parameters = {}
    for each in operation["parameters"]:
        name = each["name"]
        known = {"path": numbers.get("{" + name + "}", name), "header": name.lower()}
        found[each["in"], known.get(each["in"], name)] = each
    return found


def _schema(parameter: Part) -> Part:
    return dict(parameter.get("schema", {}))


def _ways(operation: Part, document: Part) -> list[set[str]]:
    """List the ways in, each with the schemes and scopes that it takes; an open door takes none."""
    schemes = document.get("components", {}).get("securitySchemes", {})
    ways = operation.get("security", document.get("security", [])) or [{}]
    return [set(chain.from_iterable(_taken(way, schemes))) for way in ways]


def _taken(way: Part, schemes: Part) -> Iterator[list[str]]:
    for name, scopes in way.items():
        scheme = {key: value for key, value in schemes[name].items() if key != "description"}
        told = dumps(scheme, sort_keys=True)
        yield [told, *(f"{told} {scope}" for scope in scopes)]
