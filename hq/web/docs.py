"""`/v1/docs` and `/v1/openapi.json`: the API described from its own OpenAPI document, with no script at all."""

from functools import cache
from typing import Any, cast

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator

from hq.web.conditions import tagged
from hq.web.portal import public
from hq.web.problems import marked


@cache
def schema() -> dict[str, Any]:
    """The OpenAPI 3.1 document; the routes do not change while the process lives."""
    generator: Any = SchemaGenerator  # untyped
    document: dict[str, Any] = generator().get_schema(request=None, public=True)
    return document


@public
def openapi(request: HttpRequest) -> HttpResponse:
    answer = JsonResponse(schema(), content_type="application/vnd.oai.openapi+json")
    return cast("HttpResponse", tagged(request, answer))


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    """A schema, its reference followed once."""
    reference = node.get("$ref")
    if not reference:
        return node
    found: dict[str, Any] = schema()["components"]["schemas"][reference.rsplit("/", 1)[1]]
    return found


def _kind(node: dict[str, Any]) -> str:
    """What a member is, in words."""
    if "$ref" in node:
        known = _resolved(node)
        return _kind(known) if "enum" in known else "object"
    if "allOf" in node:
        return _kind(node["allOf"][0])
    for several in ("anyOf", "oneOf"):
        if several in node:
            return " or ".join(dict.fromkeys(_kind(each) for each in node[several]))
    if "enum" in node:
        return " or ".join("null" if word is None else str(word) for word in node["enum"])
    kinds = node.get("type", "any")
    word = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    return (
        f"{word} of {_kind(node['items'])}"
        if "items" in node
        else f"{word} ({node['format']})"
        if "format" in node
        else word
    )


def _members(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The members of a JSON body, one line each."""
    body: dict[str, Any] = content.get("application/json") or next(iter(content.values()), {})
    node = _resolved(body.get("schema", {}))
    required = set(node.get("required", []))
    return [
        {"name": name, "kind": _kind(value), "required": name in required, "text": marked(value.get("description", ""))}
        for name, value in node.get("properties", {}).items()
    ]


def _operation(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    request = operation.get("requestBody", {}).get("content", {})
    responses = operation["responses"]
    answers = [
        {"status": status, "text": answer.get("description", ""), "members": _members(answer.get("content", {}))}
        for status, answer in responses.items()
        if "$ref" not in answer
    ]
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "text": marked(operation.get("description", "")),
        "parameters": [
            parameter | {"description": marked(parameter.get("description", ""))}
            for parameter in operation.get("parameters", [])
            if parameter["in"] != "path"
        ],
        "request": _members(request),
        "request_types": list(request),
        "answers": answers,
        "refusals": [status for status, answer in responses.items() if "$ref" in answer],
    }


def _group(path: str) -> str:
    """Operations stand together by the first word after their environment or organization."""
    words = [word for word in path.removeprefix("/v1/").split("/") if word and not word.startswith("{")]
    return words[1] if words[0] in {"environments", "organizations"} and len(words) > 1 else words[0]


@public
def documentation(request: HttpRequest) -> HttpResponse:
    """Every operation, readable without a script."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in schema()["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(_group(path), []).append(_operation(method, path, operation))
    return render(request, "docs/api.html", {"groups": sorted(groups.items()), "info": schema()["info"]})
