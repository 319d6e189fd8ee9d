"""What OpenTelemetry's environment variables ask for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""OpenTelemetry's own switch for what is said; anything but these means no."""
YES = ("true", "1", "yes", "on", "span_only", "span_and_event")

SERVICE_NAME = "agentd"


class Wish(Struct, frozen=True, kw_only=True):
    """Where spans are to go."""

    exporter: Literal["otlp", "console"]
    endpoint: str = ""
    """For people; the exporter reads its variables itself."""
    service_name: str = ""
    """What to call the service; empty where the environment does."""


class Refusal(Struct, frozen=True, kw_only=True):
    """The environment asks for what can't be: why, and what to do."""

    why: str


def decide_wish(environ: Mapping[str, str]) -> Wish | Refusal | None:
    """Where spans are to go; None where the environment asks for nothing.

    `OTEL_TRACES_EXPORTER`, or an endpoint for OTLP, asks; `OTEL_SDK_DISABLED` forbids.
    """
    if _get(environ, "OTEL_SDK_DISABLED").lower() == "true":
        return None
    endpoint = _get(environ, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or _get(
        environ, "OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    named = _get(environ, "OTEL_TRACES_EXPORTER").lower()
    names = {name.strip() for name in named.split(",") if name.strip()} or (
        {"otlp"} if endpoint else set()
    )
    if not names or "none" in names:
        return None
    if "console" in names:
        return Wish(exporter="console", service_name=_service_name(environ))
    if "otlp" not in names:
        return Refusal(
            why=f"OTEL_TRACES_EXPORTER='{named}' is not known here: use otlp, console or none"
        )
    protocol = _get(environ, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or _get(
        environ, "OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    if protocol not in ("", "http/protobuf"):
        return Refusal(
            why=f"spans are sent by http/protobuf only, and the protocol is '{protocol}': unset "
            "OTEL_EXPORTER_OTLP_PROTOCOL, and name the collector's HTTP port (4318) in "
            "OTEL_EXPORTER_OTLP_ENDPOINT"
        )
    if endpoint and not _is_address(endpoint):
        return Refusal(
            why=f"the endpoint '{endpoint}' is no address: write it like http://localhost:4318"
        )
    return Wish(
        exporter="otlp",
        endpoint=endpoint or "http://localhost:4318",
        service_name=_service_name(environ),
    )


def wants_content(environ: Mapping[str, str]) -> bool:
    """Whether what is said may be in spans."""
    return _get(environ, CONTENT_VARIABLE).lower() in YES


def _service_name(environ: Mapping[str, str]) -> str:
    named = _get(environ, "OTEL_SERVICE_NAME")
    given = named or "service.name=" in _get(environ, "OTEL_RESOURCE_ATTRIBUTES")
    return "" if given else SERVICE_NAME


def _is_address(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False


def _get(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()
