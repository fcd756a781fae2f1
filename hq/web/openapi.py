"""Finishes the generated OpenAPI document: what every operation takes and may answer, said in one place.

Preconditions, keys for repeating and refusals belong to the base of all endpoints, so they are described from that base
and not beside each endpoint.
"""

from typing import Any

from hq.web.api import Input
from hq.web.idempotency import KEY

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "The address of a page that explains the error."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence that a person can act on."},
        "instance": {"type": "string", "format": "uri", "description": "The request id, which the trail knows."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string", "description": "RFC 6901"}, "detail": {"type": "string"}},
            },
        },
    },
}
REFUSALS = {
    400: "Something in the request is not valid; `errors` points to it.",
    401: "No valid credentials came with the request.",
    403: "The credentials are not allowed to do this.",
    404: "There is nothing here that these credentials can see.",
    409: "It cannot be done in this state, or the request with this `Idempotency-Key` is being done right now.",
    411: "The body came without its length.",
    412: "`If-Match` or `If-None-Match` does not hold: it has changed since it was read.",
    413: "The body is too large.",
    415: "The body is in a form that is not read here.",
    416: "The file is shorter than where the range begins.",
    422: "This `Idempotency-Key` came with another request before.",
    429: "Too many requests in a short time.",
    500: "Something broke on our side.",
    503: "Something that is needed is not available right now.",
    507: "There is no room for the body.",
}
WAIT = {"description": "Seconds after which it is worth another try.", "schema": {"type": "integer"}}
LIMITS = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in (
        ("RateLimit-Limit", "How many requests may come at once."),
        ("RateLimit-Remaining", "How many of them are left."),
        ("RateLimit-Reset", "Seconds after which all of them are there again; beside Retry-After the same as that."),
        ("RateLimit-Policy", "The limit that is nearest, and its window in seconds: `600;w=60`."),
    )
}
TAG = {"description": "The entity tag: a digest of the answer.", "schema": {"type": "string"}}
ONCE = {
    "Idempotency-Replayed": {
        "description": "`true` where the answer to an earlier request with this `Idempotency-Key` is repeated.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Idempotency-Withheld": {
        "description": "Members that were shown the first time only, and are null in an answer that is repeated.",
        "schema": {"type": "string"},
    },
}
# What a parameter of this name is, wherever it is.
NUMBERS = {"limit": {"minimum": 1, "maximum": 200, "default": 50}, "version": {"minimum": 1, "maximum": 999_999_999}}
CURSOR = "`next_cursor` of the page before."
SHOWN_ONCE = "Null in an answer that is repeated."
IF_NONE_MATCH = "Entity tags of answers that you have: if it is still one of these, the answer is an empty 304."
IF_MATCH = (
    "The `ETag` of the GET of this address, or `*`: only if it is still so. Requests with it come one after the other;"
    " one without it can still change the thing in between."
)
IDEMPOTENCY_KEY = (
    "1 to 255 printable characters, such as a UUID, for a day: the same request sent again under it is answered as it"
    " was the first time, and not done again."
)


def describe(result: dict[str, Any], generator: Any, **_: Any) -> dict[str, Any]:
    """A drf-spectacular post-processing hook."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["responses"] = {f"Problem{status}": _refusal(status) for status in REFUSALS}
    _describe_inputs(components["schemas"])
    for path, _regex, method, view in generator.endpoints:
        operation = result["paths"][path][method.lower()]
        _describe(operation, view.cls, method, result)
    return result


def _refusal(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": REFUSALS[status],
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in {409, 429, 503}:
        answer["headers"] = {"Retry-After": WAIT} | (LIMITS if status == 429 else {})
    return answer


def _describe_inputs(schemas: dict[str, Any], kind: type[Input] = Input) -> None:
    """What is refused of every body: members that it does not know, and empty text where none is allowed."""
    for below in kind.__subclasses__():
        _describe_inputs(schemas, below)
        body = schemas.get(below.__name__)
        if body is None:
            continue
        body["additionalProperties"] = False
        for name, member in below().fields.items():
            known = body["properties"][name]
            if not getattr(member, "allow_blank", True):
                known.setdefault("minLength", 1)
            if "format" in known and isinstance(known["type"], list):  # the format is that of the text only
                form = {"type": "string", "format": known.pop("format")}
                del known["type"]
                known["anyOf"] = [form, {"type": "null"}]


def _describe(operation: dict[str, Any], kind: Any, method: str, result: dict[str, Any]) -> None:
    answers = operation["responses"]
    for parameter in operation.get("parameters", []):
        if parameter["name"] in NUMBERS and parameter["in"] == "query":
            parameter["schema"] = {"type": "integer"} | NUMBERS[parameter["name"]]
        if parameter["name"] == "cursor":
            parameter["description"] = CURSOR
    if method == "GET" and not kind.own_conditions:
        _add(operation, "If-None-Match", IF_NONE_MATCH)
        answers["200"].setdefault("headers", {})["ETag"] = TAG
        answers["304"] = {"description": "It is what you have.", "headers": {"ETag": TAG}}
    if kind.own_conditions and method in {"GET", "HEAD"}:
        answers["304"] = {"description": "It is what you have.", "headers": {"ETag": TAG}}
    if kind.takes_if_match(method) and not kind.own_conditions:
        _add(operation, "If-Match", IF_MATCH)
    if method == "POST" and kind.takes_idempotency_key():
        _add(operation, "Idempotency-Key", IDEMPOTENCY_KEY, pattern=f"^{KEY}$")
        _show_once(operation, kind.shown_once, result)
    for status in _statuses(operation, kind, method):
        answers.setdefault(str(status), {"$ref": f"#/components/responses/Problem{status}"})
    operation["responses"] = dict(sorted(answers.items()))


def _add(operation: dict[str, Any], name: str, text: str, **more: Any) -> None:
    """A header, unless the endpoint describes it itself."""
    parameters = operation.setdefault("parameters", [])
    if name not in {parameter["name"] for parameter in parameters}:
        parameters.append({"in": "header", "name": name, "schema": {"type": "string"} | more, "description": text})


def _show_once(operation: dict[str, Any], members: frozenset[str], result: dict[str, Any]) -> None:
    """An answer that is repeated says so, and has null for what only the first one shows."""
    told = ONCE if members else {name: text for name, text in ONCE.items() if name != "Idempotency-Withheld"}
    for answer in [answer for status, answer in operation["responses"].items() if status.startswith("2")]:
        answer["headers"] = answer.get("headers", {}) | told
        for content in answer.get("content", {}).values() if members else ():
            shape = result["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
            for name in members:
                known = shape["properties"][name]
                known["type"] = sorted(
                    {*([known["type"]] if isinstance(known["type"], str) else known["type"]), "null"}
                )
                text = known.get("description", "").removesuffix(SHOWN_ONCE)  # two verbs may answer with one shape
                known["description"] = f"{text.strip()} {SHOWN_ONCE}".strip()


def _statuses(operation: dict[str, Any], kind: Any, method: str) -> set[int]:
    """Which refusals are possible."""
    found = {400, 404, 429, 500, 503}
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    body = operation.get("requestBody", {}).get("content", {})
    if operation.get("security"):
        found |= {401, 403}
    if kind.changes_by(method) or kind.reads_in_time:
        found |= {409}
    if names & {"If-Match", "If-None-Match"}:
        found |= {412}
    if "Range" in names:
        found |= {416}
    if "Idempotency-Key" in names:
        found |= {422}
    if body:
        found |= {413, 415}
    if body and "application/json" not in body:
        found |= {411, 507}
    return found
