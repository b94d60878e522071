"""Breaking changes between two OpenAPI schemas: operations, parameters, bodies, responses."""

import re
from collections.abc import Iterator
from itertools import chain
from json import dumps
from typing import Any

from development.compatibility.narrowed_schemas import Change, Narrowing, removed, required

Part = dict[str, Any]
Parameters = dict[tuple[str, str], Part]

METHODS = ("delete", "get", "head", "options", "patch", "post", "put", "trace")
PARAMETER = re.compile(r"\{[^}]*\}")


def breaks(old: Part, new: Part) -> list[Change]:
    """Return the breaking changes between two OpenAPI schemas, without duplicates."""
    comparison = _Comparison(old, new)
    present = dict(_operations(new))
    changes = (
        comparison.of(name, operation, present[key]) if key in present else [removed(name)]
        for key, (name, operation) in _operations(old)
    )
    return list(dict.fromkeys(chain.from_iterable(changes)))


def _operations(document: Part) -> Iterator[tuple[str, tuple[str, Part]]]:
    """Yield each operation under a key of its method and path.

    The key contains no names of path parameters.
    """
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
        self.requests = Narrowing(old, new, responses=False)
        self.responses = Narrowing(old, new, responses=True)

    def of(self, name: str, old: Part, present: tuple[str, Part]) -> Iterator[Change]:
        """Yield the breaking changes of one API operation."""
        _, new = present
        yield from self._security(name, old, new)
        yield from self._parameters(name, _parameters(old), _parameters(new))
        yield from self._body(f"{name}: the body", old.get("requestBody"), new.get("requestBody"))
        yield from self._responses(name, old["responses"], new["responses"])

    def _security(self, name: str, old: Part, new: Part) -> Iterator[Change]:
        """Yield a change if credentials that were sufficient before are not sufficient now."""
        before, after = _requirements(old, self.old), _requirements(new, self.new)
        if not all(any(each <= sufficient for each in after) for sufficient in before):
            yield Change(name, "requires further authorization", "accept the previous credentials")

    def _parameters(self, name: str, old: Parameters, new: Parameters) -> Iterator[Change]:
        for key, parameter in old.items():
            where = f"{name}: {parameter['in']} {parameter['name']}"
            if key not in new:
                yield removed(where)
                continue
            if new[key].get("required") and not parameter.get("required"):
                yield required(where)
            yield from self.requests.changes(_schema(parameter), _schema(new[key]), where)
        for key in new.keys() - old.keys():
            if new[key].get("required"):
                yield required(f"{name}: {new[key]['in']} {new[key]['name']}")

    def _body(self, where: str, old: Part | None, new: Part | None) -> Iterator[Change]:
        if new is None:
            yield from [removed(where)] if old else []
        elif new.get("required") and not (old and old.get("required")):
            yield required(where)
        if old and new:
            yield from self._contents(where, old, new, self.requests)

    def _responses(self, name: str, old: Part, new: Part) -> Iterator[Change]:
        """Compare responses: error responses may be added or removed, but must not change."""
        for status, response in old.items():
            where = f"{name}: the response {status}"
            if status in new:
                yield from self._headers(where, response, new[status])
                yield from self._contents(where, response, new[status], self.responses)
            elif status < "400":
                yield Change(where, "was removed", "keep returning this status")

    @staticmethod
    def _headers(where: str, old: Part, new: Part) -> Iterator[Change]:
        for header in sorted(old.get("headers", {}).keys() - new.get("headers", {}).keys()):
            yield removed(f"{where}, header {header}")

    @staticmethod
    def _contents(where: str, old: Part, new: Part, narrowing: Narrowing) -> Iterator[Change]:
        for kind, content in old.get("content", {}).items():
            if kind in new.get("content", {}):
                schemas = (content.get("schema", {}), new["content"][kind].get("schema", {}))
                yield from narrowing.changes(*schemas, where)
            else:
                yield removed(f"{where} as {kind}")


def _parameters(operation: Part) -> Parameters:
    """Return parameters by location and name, and path parameters by position."""
    numbers = {
        name: str(number) for number, name in enumerate(PARAMETER.findall(operation["path"]))
    }
    parameters: Parameters = {}
    for each in operation["parameters"]:
        name = each["name"]
        keys = {"path": numbers.get("{" + name + "}", name), "header": name.lower()}
        parameters[each["in"], keys.get(each["in"], name)] = each
    return parameters


def _schema(parameter: Part) -> Part:
    return dict(parameter.get("schema", {}))


def _requirements(operation: Part, document: Part) -> list[set[str]]:
    """Return the alternative sets of credentials that an operation accepts.

    A public operation accepts the empty set.
    """
    schemes = document.get("components", {}).get("securitySchemes", {})
    alternatives = operation.get("security", document.get("security", [])) or [{}]
    return [set(chain.from_iterable(_scopes(each, schemes))) for each in alternatives]


def _scopes(requirement: Part, schemes: Part) -> Iterator[list[str]]:
    for name, scopes in requirement.items():
        scheme = {key: value for key, value in schemes[name].items() if key != "description"}
        key = dumps(scheme, sort_keys=True)
        yield [key, *(f"{key} {scope}" for scope in scopes)]
