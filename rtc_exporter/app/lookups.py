"""What the OpenAPI document says of looking sessions up, on the listener for operators."""

from typing import Any

from rtc_exporter.lookup import SORTS, STATES
from rtc_exporter.quality import CLASSES

_TEXT, _NUMBER, _TIME = {"type": "string"}, {"type": "number"}, {"type": "number", "description": "Unix seconds."}
_FLAG = {"type": "boolean"}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


def _object(properties: dict[str, Any], required: tuple[str, ...] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties if required is None else required)}


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_SECONDS = {"type": "object", "additionalProperties": _NUMBER}
_COUNTS = {"type": "object", "additionalProperties": {"type": "integer"}}
_CLASS = {"type": "string", "enum": list(CLASSES)}
_HEAD = {"tenant": _TEXT, "session": _TEXT, "live": _FLAG, "begin": _TIME, "end": _or_null(_TIME)}
_ISSUE = _object(
    {
        "issue": _TEXT, "side": _TEXT, "severity": _TEXT, "begin": _TIME, "end": _TIME,
        "evidence": {"type": "object", "description": "The worst value beside its bound, and what was beside it."},
    }
)  # fmt: skip
_STRETCH = _object({"begin": _TIME, "end": _TIME, "class": _CLASS, "score": _or_null(_NUMBER)})
_WAY = _object({"begin": _TIME, "end": _TIME, "path": _TEXT, "peer_connection": _TEXT})
_CONNECTION = _object(
    {
        "peer_connection": _TEXT, "outcome": _or_null(_TEXT), "state": _TEXT, "path": _or_null(_TEXT),
        "codecs_in": _array(_TEXT), "codecs_out": _array(_TEXT),
    }
)  # fmt: skip
_ABOUT = {
    "type": "object", "additionalProperties": _TEXT,
    "description": "What else is known of the client, by attribute.",
}  # fmt: skip
_STAY = {
    "session": _TEXT, "participant": _TEXT, "class": _CLASS, "score": _or_null(_NUMBER), "verdict": _TEXT,
    "client": _or_null(_TEXT), "about": _ABOUT, "start": _TIME, "duration": _NUMBER,
    "peer_connections": _array(_CONNECTION), "errors": _COUNTS, "issues": _array(_ISSUE),
    "issues_left_out": {"type": "integer"}, "timeline": _array(_STRETCH),
    "paths": _array(_WAY), "cannot_judge": _array(_TEXT), "here": _FLAG, "trace_id": _or_null(_TEXT),
}  # fmt: skip
_HEARD = _object({"receiver": _TEXT, "sender": _TEXT, "seconds": _NUMBER, "issues": _SECONDS})
_EVENT = _object({"time": _TIME, "event": _TEXT, "text": _TEXT})
_STAGE = _object({"name": _TEXT, "peer_connection": _TEXT, "begin": _TIME, "end": _TIME, "is_bad": _FLAG})
_POINT = {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}
_SERIES = {
    "type": "object",
    "additionalProperties": _object({"unit": _TEXT, "points": _array(_POINT)}),
    "description": "By channel: time and value; of many samples the worse of neighbours.",
}


def schemas() -> dict[str, Any]:
    """The answers, by name."""
    row = {
        **_HEAD, "duration": _NUMBER, "class": _CLASS, "score": _or_null(_NUMBER),
        "issues": _COUNTS, "paths": _array(_TEXT),
        "participants": _array(_TEXT),
    }  # fmt: skip
    count = {"type": "integer"}
    whole = {**_STAY, "events": _array(_EVENT), "setup": _array(_STAGE), "series": _SERIES}
    return {
        "Sessions": _object({"total": count, "offset": count, "sessions": _array(_object(row))}),
        "Session": _object(
            {
                **_HEAD, "participants": _array(_object(_STAY)), "heard": _array(_HEARD),
                "other_begins": _array(_TIME), "text": _TEXT, "around": _COUNTS,
                "alike": _array(_object({"trait": _TEXT, "value": _TEXT, "sessions": _COUNTS})),
            }
        ),
        "Participant": _object({**_HEAD, "participant": _TEXT, "stays": _array(_object(whole))}),
        "Problem": _object({"error": _TEXT}),
    }  # fmt: skip


def paths() -> dict[str, Any]:
    """What may be asked."""
    base, one = "/api/v1/sessions", [_path("session"), *map(_query, ("tenant", "at"))]
    asked = [_query(name) for name in ("search", "tenant", "state", "sort", "offset", "limit")]
    return {
        base: {"get": _operation("listSessions", "Sessions that are live or were.", "Sessions", asked)},
        f"{base}/{{session}}": {"get": _operation("getSession", "One session, explained.", "Session", one)},
        f"{base}/{{session}}/participants/{{participant}}": {
            "get": _operation(
                "getParticipant", "One participant, with what was measured.", "Participant",
                [*one, _path("participant")],
            )
        },
    }  # fmt: skip


_WHAT: dict[str, tuple[str, dict[str, Any]]] = {
    "search": ("Part of an id of session or participant, or of a tenant.", _TEXT),
    "tenant": ("The tenant; left out in a list: all of them, elsewhere: none.", _TEXT),
    "state": ("Which of them.", {"type": "string", "enum": list(STATES), "default": "live"}),
    "sort": ("Which come first.", {"type": "string", "enum": list(SORTS), "default": "worst"}),
    "offset": ("How many are skipped.", {"type": "integer", "minimum": 0, "default": 0}),
    "limit": ("How many are told.", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50}),
    "at": ("Of several sessions of one name the one at this time; left out: the newest.", _TIME),
}


def _query(name: str) -> dict[str, Any]:
    text, schema = _WHAT[name]
    return {"name": name, "in": "query", "description": text, "schema": schema}


def _path(name: str) -> dict[str, Any]:
    text = "The id, percent-encoded; `.` and `..`, and what begins with `~`, have a `~` in front."
    return {"name": name, "in": "path", "required": True, "description": text, "schema": _TEXT}


def _operation(id: str, text: str, schema: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    def answer(text: str, name: str) -> dict[str, Any]:
        return {
            "description": text, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        }  # fmt: skip

    return {
        "operationId": id,
        "summary": text,
        "description": "On the listener for operators.",
        "security": [],
        "parameters": parameters,
        "responses": {
            "200": answer("Found.", schema),
            "400": answer("A parameter is wrong.", "Problem"),
            "404": answer("Nothing is remembered that is so called.", "Problem"),
        },
    }
