"""What a response has cost. Pure."""

from __future__ import annotations

from openai.types.realtime import RealtimeResponse

from agentd.aio.timing import now, wall_time
from agentd.metrics import RealtimeModelMetrics
from agentd.realtime import RealtimeModel

from .response import Response


def measure(
    model: RealtimeModel, response: Response, told: RealtimeResponse
) -> RealtimeModelMetrics:
    """The metrics of a response that is over."""
    duration = now() - response.asked_at
    usage = told.usage
    inputs = usage.input_token_details if usage is not None else None
    outputs = usage.output_token_details if usage is not None else None
    output_tokens = (usage.output_tokens or 0) if usage is not None else 0
    return RealtimeModelMetrics(
        label=model.label,
        timestamp=wall_time(),
        model=model.model,
        provider=model.provider,
        request_id=response.id,
        duration=duration,
        ttft=response.first_at - response.asked_at if response.first_at is not None else -1.0,
        cancelled=told.status == "cancelled",
        input_tokens=(usage.input_tokens or 0) if usage is not None else 0,
        output_tokens=output_tokens,
        total_tokens=(usage.total_tokens or 0) if usage is not None else 0,
        tokens_per_second=output_tokens / duration if duration > 0 else 0.0,
        input_audio_tokens=(inputs.audio_tokens or 0) if inputs is not None else 0,
        output_audio_tokens=(outputs.audio_tokens or 0) if outputs is not None else 0,
        cached_tokens=(inputs.cached_tokens or 0) if inputs is not None else 0,
    )
