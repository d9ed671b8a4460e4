"""
The OpenAPI document of what clients may POST, and of what operators may look up; WebSockets are outside of what
OpenAPI can say.
"""

from typing import Any

from rtc_exporter import __version__
from rtc_exporter.app import lookups
from rtc_exporter.errors import Reason


def document() -> dict[str, Any]:
    """The document that ``/openapi.json`` serves."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "rtc-exporter",
            "version": __version__,
            "summary": "Takes what WebRTC clients report about a call.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {path: {"post": operation} for path, operation in _operations().items()} | lookups.paths(),
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "query": {"type": "apiKey", "in": "query", "name": "rtcstats-token"},
            },
            "schemas": {
                "Refusal": {
                    "type": "object",
                    "required": ["error", "detail"],
                    "properties": {
                        "error": {"type": "string", "enum": [reason.value for reason in Reason]},
                        "detail": {"type": "string"},
                    },
                },
            }
            | lookups.schemas(),
        },
        "security": [{"bearer": []}, {"query": []}, {}],
    }


def _operations() -> dict[str, dict[str, Any]]:
    reports, dumps = _reports(), _dumps()
    samples = reports | {"summary": "Samples of ObserveRTC's client-monitor-js: one, an array, or one on each line."}
    operations = {}
    for name, operation, id in (
        ("reports", reports, "Reports"),
        ("observertc", samples, "Samples"),
        ("dumps", dumps, "Dump"),
    ):
        operations[f"/v1/{name}"] = operation | {"operationId": f"post{id}"}
        operations[f"/v1/{name}/{{session}}/{{participant}}"] = operation | {
            "operationId": f"post{id}Of", "parameters": [*_PATH, *operation["parameters"]],
        }  # fmt: skip
    return operations


_PATH = [
    {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in ("session", "participant")
]
_QUERY = [
    {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
    for name, text in (
        ("session", "The session, where neither token nor path names it."),
        ("participant", "The participant, where neither token nor path names it."),
        ("app", "Name of the application."),
        ("version", "Version of the application."),
    )
]
_REPORT = {
    "description": "A getStats report, and events, of one participant; see the description of the plain format.",
    "type": "object",
}


def _reports() -> dict[str, Any]:
    rejected = {
        "type": "object",
        "properties": {"index": {"type": "integer"}, "reason": {"type": "string"}},
    }
    accepted = {"accepted": {"type": "integer"}, "rejected": {"type": "array", "items": rejected}}
    return {
        "summary": "Reports and events in plain JSON: one document, or one on each line; gzip is fine.",
        "parameters": _QUERY,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"oneOf": [_REPORT, {"type": "array", "items": _REPORT}]}},
                "application/x-ndjson": {"schema": _REPORT},
            },
        },
        "responses": {"202": _answer("Taken, but for what is listed.", accepted)} | _refusals(),
    }


def _dumps() -> dict[str, Any]:
    binary = {"type": "string", "format": "binary"}
    answer = {
        "session": {"type": "string"},
        "participant": {"type": "string"},
        "reports": {"type": "integer"},
        "events": {"type": "integer"},
    }
    return {
        "summary": "A dump file: of rtcstats, or of chrome://webrtc-internals; gzipped or not.",
        "parameters": _QUERY,
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": binary},
                "multipart/form-data": {"schema": {"type": "object", "properties": {"file": binary}}},
            },
        },
        "responses": {"200": _answer("Read to its end.", answer)} | _refusals(),
    }


def _answer(text: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": text,
        "content": {"application/json": {"schema": {"type": "object", "properties": properties}}},
    }


def _refusals() -> dict[str, Any]:
    texts = {
        "400": "It cannot be read, or names nobody.",
        "401": "The token is missing, bad or over.",
        "403": "The page is from an origin that is not allowed.",
        "413": "It is too large, packed or unpacked.",
        "415": "A media type, encoding or charset that is not taken.",
        "503": "No room for one more: come back after `Retry-After`.",
    }
    schema = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {status: {"description": text, "content": schema} for status, text in texts.items()}
