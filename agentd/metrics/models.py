"""One measurement each. Durations in seconds; `timestamp` is wall time since the epoch."""

from __future__ import annotations

from msgspec import Struct


class _Metrics(Struct, frozen=True, kw_only=True):
    label: str = ""
    """Which instance it is about, such as `agentd_openai.llm.LLM`."""
    timestamp: float = 0.0
    model: str = ""
    provider: str = ""

    @property
    def type(self) -> str:
        """The kind of measurement, such as `llm_metrics`."""
        return str(self.__struct_config__.tag)


class LLMMetrics(_Metrics, frozen=True, kw_only=True, tag="llm_metrics", tag_field="type"):
    """One reply of a language model."""

    request_id: str = ""
    speech_id: str = ""
    duration: float = 0.0
    ttft: float = -1.0
    """Until the first token; -1 where none came."""
    cancelled: bool = False
    completion_tokens: int = 0
    prompt_tokens: int = 0
    prompt_cached_tokens: int = 0
    total_tokens: int = 0
    tokens_per_second: float = 0.0


class STTMetrics(_Metrics, frozen=True, kw_only=True, tag="stt_metrics", tag_field="type"):
    """One recognition; of a stream, what was heard since the last."""

    request_id: str = ""
    duration: float = 0.0
    """Of the call; 0 for a stream."""
    audio_duration: float = 0.0
    streamed: bool = False
    acquire_time: float = 0.0
    """To get a connection."""


class TTSMetrics(_Metrics, frozen=True, kw_only=True, tag="tts_metrics", tag_field="type"):
    """One synthesis; of a stream, one segment."""

    request_id: str = ""
    segment_id: str = ""
    speech_id: str = ""
    ttfb: float = -1.0
    """Until the first audio; -1 where none came."""
    duration: float = 0.0
    audio_duration: float = 0.0
    characters_count: int = 0
    cancelled: bool = False
    streamed: bool = False
    acquire_time: float = 0.0


class VADMetrics(_Metrics, frozen=True, kw_only=True, tag="vad_metrics", tag_field="type"):
    """About a second of listening."""

    idle_time: float = 0.0
    inference_duration_total: float = 0.0
    inference_count: int = 0


class EOUMetrics(_Metrics, frozen=True, kw_only=True, tag="eou_metrics", tag_field="type"):
    """One end of the user's turn."""

    speech_id: str = ""
    end_of_utterance_delay: float = 0.0
    """From the end of speech to the decision that the turn is over."""
    transcription_delay: float = 0.0
    """From the end of speech to the final transcript."""
    on_user_turn_completed_delay: float = 0.0


class EOTInferenceMetrics(
    _Metrics, frozen=True, kw_only=True, tag="eot_inference_metrics", tag_field="type"
):
    """One question to an end-of-turn model."""

    duration: float = 0.0
    probability: float = 0.0


class RealtimeModelMetrics(
    _Metrics, frozen=True, kw_only=True, tag="realtime_model_metrics", tag_field="type"
):
    """One response of a speech-to-speech model."""

    request_id: str = ""
    duration: float = 0.0
    ttft: float = -1.0
    cancelled: bool = False
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    tokens_per_second: float = 0.0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    cached_tokens: int = 0


class InterruptionMetrics(
    _Metrics, frozen=True, kw_only=True, tag="interruption_metrics", tag_field="type"
):
    """One time that the user spoke over the agent."""

    total_duration: float = 0.0
    detection_delay: float = 0.0
    interrupted: bool = False


AgentMetrics = (
    LLMMetrics
    | STTMetrics
    | TTSMetrics
    | VADMetrics
    | EOUMetrics
    | EOTInferenceMetrics
    | RealtimeModelMetrics
    | InterruptionMetrics
)
