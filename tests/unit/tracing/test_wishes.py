"""What OpenTelemetry's environment variables mean here."""

from __future__ import annotations

import pytest

from agentd.tracing.wishes import CONTENT_VARIABLE, Refusal, Wish, decide_wish, wants_content

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
LOCAL = "http://localhost:4318"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "shop"},
        {ENDPOINT: LOCAL, "OTEL_SDK_DISABLED": "TRUE"},
        {ENDPOINT: LOCAL, "OTEL_TRACES_EXPORTER": "none"},
        {ENDPOINT: "  "},
    ],
)
def test_nothing_is_sent_that_nobody_asks_for(environ: dict[str, str]) -> None:
    """Or that is forbidden."""
    assert decide_wish(environ) is None


@pytest.mark.parametrize(
    "environ",
    [
        {ENDPOINT: LOCAL},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": LOCAL},
        {"OTEL_TRACES_EXPORTER": "otlp"},
        {"OTEL_TRACES_EXPORTER": "otlp, something", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
    ],
)
def test_an_endpoint_or_an_exporter_asks(environ: dict[str, str]) -> None:
    """Without an endpoint it is the library's default."""
    assert decide_wish(environ) == Wish(exporter="otlp", endpoint=LOCAL, service_name="agentd")


def test_spans_may_go_to_the_log() -> None:
    """For a look, without a collector."""
    wish = decide_wish({"OTEL_TRACES_EXPORTER": "console"})

    assert wish == Wish(exporter="console", service_name="agentd")


@pytest.mark.parametrize(
    "named", [{"OTEL_SERVICE_NAME": "shop"}, {"OTEL_RESOURCE_ATTRIBUTES": "a=b,service.name=shop"}]
)
def test_the_service_has_the_name_that_it_is_given(named: dict[str, str]) -> None:
    """By either variable, which the library reads itself."""
    wish = decide_wish({ENDPOINT: LOCAL, **named})

    assert isinstance(wish, Wish)
    assert wish.service_name == ""


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({ENDPOINT: "localhost:4318"}, "write it like http://localhost:4318"),
        ({ENDPOINT: "ftp://collector"}, "'ftp://collector'"),
        ({ENDPOINT: "http://"}, "no address"),
        ({ENDPOINT: "http://collector:port"}, "no address"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "use otlp, console or none"),
        ({ENDPOINT: LOCAL, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "the collector's HTTP port"),
    ],
)
def test_what_can_not_be_meant_is_refused_with_what_to_do(
    environ: dict[str, str], says: str
) -> None:
    """One line, for the log."""
    refusal = decide_wish(environ)

    assert isinstance(refusal, Refusal)
    assert says in refusal.why


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("true", True),
        ("SPAN_ONLY", True),
        ("1", True),
        ("", False),
        ("false", False),
        ("no", False),
    ],
)
def test_what_is_said_is_recorded_only_on_a_clear_yes(value: str, wanted: bool) -> None:
    """OpenTelemetry's own switch."""
    assert wants_content({CONTENT_VARIABLE: value}) is wanted
