"""What is particular to openai.STT and openai.TTS, against the mock of the API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import openai
import pytest

from agentd.audio.frame import AudioFrame, join_frames, silent_frame
from agentd.audio.wav_writer import wav_bytes
from agentd.errors import APIConnectionError, APIError, APIStatusError
from agentd.inference.stt import STT as NamedSTT
from agentd.inference.tts import TTS as NamedTTS
from agentd.resilience import APIConnectOptions
from agentd.stt import STT, FinalTranscript, InterimTranscript, RecognizeStream, SpeechEvent
from agentd.testing import FakeSTT, FakeTTS
from agentd.testing.mock_openai import HttpFault, HttpFaultKind, MockOpenAI
from agentd_openai.stt import STT as OpenAISTT
from agentd_openai.tts import TTS as OpenAITTS
from agentd_openai.tts import SpeechFormat
from tests.support.recordings import frame_of

KEY = "sk-test"
ONCE = APIConnectOptions(max_retry=0, timeout=10.0)


@pytest.fixture
async def api() -> AsyncIterator[MockOpenAI]:
    """The mock."""
    async with MockOpenAI() as running:
        yield running


def stt_of(api: MockOpenAI, **options: object) -> STT:
    """A recogniser at the mock."""
    return OpenAISTT(base_url=api.base_url, api_key=KEY, **options)  # type: ignore[arg-type]


def push(stream: RecognizeStream, *audio: AudioFrame) -> None:
    """Give a stream audio in frames of 50 ms."""
    whole = join_frames(list(audio))
    size = 2 * whole.sample_rate // 20
    for start in range(0, len(whole.data), size):
        data = whole.data[start : start + size]
        stream.push_frame(AudioFrame(data=data, sample_rate=whole.sample_rate))


async def streamed(stt: STT, *audio: AudioFrame) -> list[SpeechEvent]:
    """All events of a stream of audio in frames of 50 ms."""
    async with stt.stream(conn_options=ONCE) as stream:
        push(stream, *audio)
        stream.end_input()
        return [event async for event in stream]


def finals(events: list[SpeechEvent]) -> list[str]:
    """The texts that are final."""
    return [event.text for event in events if isinstance(event, FinalTranscript)]


# -- utterances ----------------------------------------------------------------------------


async def test_what_is_asked_is_what_was_set(api: MockOpenAI) -> None:
    """By the API's names; of a language the two letters that it takes."""
    api.transcriptions.hears("hello")

    async with stt_of(api, model="whisper-1", language="en-GB", prompt="agentd") as stt:
        final = await stt.recognize(frame_of("lv-0880"), conn_options=ONCE)

    (seen,) = api.transcriptions.requests
    asked = {name: value for name, value in seen.body.items() if name != "file"}
    assert asked == {
        "model": "whisper-1",
        "language": "en",
        "prompt": "agentd",
        "response_format": "json",
    }
    assert (final.text, final.data.language) == ("hello", "en-GB")


async def test_a_language_can_be_left_to_the_model(api: MockOpenAI) -> None:
    """None is asked for then."""
    api.transcriptions.hears("hello")

    async with stt_of(api, detect_language=True) as stt:
        await stt.recognize(frame_of("lv-0880"), conn_options=ONCE)

    assert "language" not in api.transcriptions.requests[0].body


async def test_words_have_instants_where_the_model_tells_them(api: MockOpenAI) -> None:
    """Asked for as such, which not every model knows."""
    async with stt_of(api, model="whisper-1", word_timestamps=True) as stt:
        await stt.recognize(frame_of("lv-0880"), conn_options=ONCE)

    body = api.transcriptions.requests[0].body
    assert body["response_format"] == "verbose_json"
    assert body["timestamp_granularities[]"] == "word"


async def test_the_model_says_how_sure_it_is_where_it_is_asked(api: MockOpenAI) -> None:
    """By the probabilities of its tokens; unasked nothing is known."""
    api.transcriptions.hears("hello there", "hello there")

    async with stt_of(api, confidence=True) as asked, stt_of(api) as unasked:
        finals = [
            await stt.recognize(frame_of("lv-0880"), conn_options=ONCE) for stt in (asked, unasked)
        ]

    assert [round(final.data.confidence, 6) for final in finals] == [0.9, 0.0]


async def test_the_mock_streams_a_transcript_as_the_api_does(api: MockOpenAI) -> None:
    """For clients that ask for events: pieces of the text, and all of it."""
    api.transcriptions.hears("hello there")

    async with openai.AsyncClient(base_url=api.base_url, api_key=KEY) as client:
        file = ("speech.wav", wav_bytes(frame_of("lv-0880")), "audio/wav")
        stream = await client.audio.transcriptions.create(file=file, model="any", stream=True)
        told = [
            event.delta if event.type == "transcript.text.delta" else getattr(event, "text", "")
            async for event in stream
        ]

    assert told == ["hello ", "there ", "hello there"]


async def test_what_is_too_short_is_not_sent(api: MockOpenAI) -> None:
    """The service would refuse it, which is no failure of anything."""
    async with stt_of(api) as stt:
        final = await stt.recognize(silent_frame(0.05, 16000), conn_options=ONCE)

    assert final.text == ""
    assert api.transcriptions.requests == []


async def test_a_page_of_html_is_no_transcript(api: MockOpenAI) -> None:
    """It is told as what it is, and not taken for words."""
    api.transcriptions.faults.add(HttpFault(kind=HttpFaultKind.WRONG_TYPE))

    async with stt_of(api) as stt:
        with pytest.raises(APIConnectionError, match="no transcript"):
            await stt.recognize(frame_of("lv-0880"), conn_options=ONCE)


async def test_a_refusal_says_how_long_to_wait(api: MockOpenAI) -> None:
    """From the header of the answer."""
    refused = HttpFault(kind=HttpFaultKind.STATUS, status=429, retry_after=7.0)
    api.transcriptions.faults.add(refused)

    async with stt_of(api) as stt:
        with pytest.raises(APIStatusError) as caught:
            await stt.recognize(frame_of("lv-0880"), conn_options=ONCE)

    assert (caught.value.status_code, caught.value.retry_after) == (429, 7.0)


# -- streams -------------------------------------------------------------------------------


async def test_a_stream_tells_what_it_understands_meanwhile(api: MockOpenAI) -> None:
    """Interim texts grow into the final one."""
    api.realtime.script.set(hears=["he was not an ill disposed young man"])

    async with stt_of(api, use_realtime=True) as stt:
        events = await streamed(stt, frame_of("lv-0880"), silent_frame(1.5, 16000))

    interims = [event.text for event in events if isinstance(event, InterimTranscript)]
    assert interims[:2] == ["he", "he was"]
    assert finals(events) == ["he was not an ill disposed young man"]


async def test_the_service_is_told_how_to_listen(api: MockOpenAI) -> None:
    """With the language, and its own detection of turns."""
    api.realtime.script.set(hears=["hello"])

    async with stt_of(api, use_realtime=True, noise_reduction="near_field", confidence=True) as stt:
        await streamed(stt, frame_of("lv-0880"), silent_frame(1.5, 16000))

    heard = api.realtime.current.session["audio"]["input"]
    assert api.realtime.current.session["type"] == "transcription"
    assert heard["transcription"] == {"model": "gpt-4o-mini-transcribe", "language": "en"}
    assert heard["turn_detection"]["type"] == "server_vad"
    assert heard["noise_reduction"] == {"type": "near_field"}
    assert api.realtime.current.session["include"] == ["item.input_audio_transcription.logprobs"]
    assert api.realtime.requests[0].query == {"intent": "transcription"}


async def test_without_detection_a_flush_ends_an_utterance(api: MockOpenAI) -> None:
    """As a VAD of the session's says it."""
    api.realtime.script.set(hears=["one", "two"])
    async with (
        stt_of(api, use_realtime=True, turn_detection=None) as stt,
        stt.stream(conn_options=ONCE) as stream,
    ):
        for _ in range(2):
            stream.push_frame(frame_of("lv-0880"))
            stream.flush()
        stream.end_input()
        events = [event async for event in stream]

    assert finals(events) == ["one", "two"]


async def test_a_connection_that_has_served_its_time_is_renewed_in_a_pause(
    api: MockOpenAI,
) -> None:
    """Nothing that was said is lost, and instants go on."""
    api.realtime.script.set(hears=["one", "two"])
    pause = silent_frame(1.5, 16000)
    first = frame_of("lv-0880").duration + pause.duration
    found: list[FinalTranscript] = []

    async with (
        stt_of(api, use_realtime=True, recycle_after=first - 0.1) as stt,
        stt.stream(conn_options=ONCE) as stream,
    ):
        for _ in range(2):
            push(stream, frame_of("lv-0880"), pause)
            async for event in stream:
                if isinstance(event, FinalTranscript):
                    found.append(event)
                    break

    assert [final.text for final in found] == ["one", "two"]
    assert len(api.realtime.connections) == 2
    assert first - 0.2 < found[1].data.start_time < first + 1.0


async def test_what_is_not_understood_fails_the_attempt(api: MockOpenAI) -> None:
    """And not the text of the next utterance."""
    api.realtime.script.set(hears=[None])

    async with stt_of(api, use_realtime=True) as stt:
        with pytest.raises(APIError, match="not understood"):
            await streamed(stt, frame_of("lv-0880"), silent_frame(1.5, 16000))


def pitch_of(frame: AudioFrame) -> float:
    """The strongest frequency, Hz."""
    strength = np.abs(np.fft.rfft(frame.samples.ravel()))
    return float(np.argmax(strength)) / frame.duration


# -- voices --------------------------------------------------------------------------------


async def test_a_voice_is_asked_by_the_names_of_the_api(api: MockOpenAI) -> None:
    """And by what is changed meanwhile."""
    async with OpenAITTS(base_url=api.base_url, api_key=KEY, instructions="Whisper.") as tts:
        await tts.synthesize("Hello.", conn_options=ONCE).collect()
        tts.update_options(voice="marin", speed=1.5)
        await tts.synthesize("Bye.", conn_options=ONCE).collect()

    first, second = (seen.body for seen in api.speech.requests)
    assert first == {
        "input": "Hello.",
        "model": "gpt-4o-mini-tts",
        "voice": "ash",
        "speed": 1.0,
        "instructions": "Whisper.",
        "response_format": "pcm",
    }
    assert (second["voice"], second["speed"]) == ("marin", 1.5)


async def test_wav_is_as_good_as_samples(api: MockOpenAI) -> None:
    """For servers that give nothing else."""
    raw = OpenAITTS(base_url=api.base_url, api_key=KEY)
    wav = OpenAITTS.with_groq(base_url=api.base_url, api_key=KEY)

    frames = [await tts.synthesize("Hello.", conn_options=ONCE).collect() for tts in (raw, wav)]

    assert frames[0].data == frames[1].data
    for tts in (raw, wav):
        await tts.aclose()


@pytest.mark.parametrize("form", ["mp3", "opus", "aac", "flac"])
async def test_other_forms_are_decoded(api: MockOpenAI, form: SpeechFormat) -> None:
    """They sound the same, but for what a codec adds at the ends."""
    async with OpenAITTS(base_url=api.base_url, api_key=KEY, response_format=form) as tts:
        spoken = await tts.synthesize("Hello, you there.", conn_options=ONCE).collect()

    length = len("Hello, you there.") * 0.05
    assert api.speech.requests[0].body["response_format"] == form
    assert spoken.sample_rate == 24000
    assert length - 0.01 <= spoken.duration <= length + 0.15
    assert pitch_of(spoken) == pytest.approx(440, abs=10)


@pytest.mark.parametrize("kind", [HttpFaultKind.WRONG_TYPE, HttpFaultKind.EMPTY])
@pytest.mark.parametrize("form", ["pcm", "wav"])
async def test_what_is_no_audio_is_not_played(
    api: MockOpenAI, kind: HttpFaultKind, form: str
) -> None:
    """A page of HTML would be a loud noise."""
    api.speech.faults.add(HttpFault(kind=kind))

    async with OpenAITTS(
        base_url=api.base_url,
        api_key=KEY,
        response_format=form,  # type: ignore[arg-type]
    ) as tts:
        with pytest.raises(APIConnectionError, match="no audio"):
            await tts.synthesize("Hello.", conn_options=ONCE).collect()


async def test_a_sentence_that_nobody_wants_any_more_is_not_spoken_on(api: MockOpenAI) -> None:
    """The service is told by the end of the connection."""
    api.speech.tts = FakeTTS(latency=0.01, chunk_delay=0.02)

    async with OpenAITTS(base_url=api.base_url, api_key=KEY) as tts:
        async with tts.synthesize("A long sentence. " * 20, conn_options=ONCE) as stream:
            await anext(stream)
        after = await tts.synthesize("Next.", conn_options=ONCE).collect()

    assert api.speech.finished == ["Next."]
    assert after.duration > 0


# -- by name -------------------------------------------------------------------------------


async def test_named_models_are_asked_at_the_gateway(api: MockOpenAI) -> None:
    """With the voice and the language of their names."""
    api.transcriptions.stt = FakeSTT(["bonjour"])
    url = api.base_url

    async with (
        NamedSTT("openai/whisper:fr", base_url=url, api_key=KEY) as stt,
        NamedTTS("openai/speaker:marin", base_url=url, api_key=KEY) as tts,
    ):
        heard = await stt.recognize(frame_of("lv-0880"), conn_options=ONCE)
        await tts.synthesize("Bonjour.", conn_options=ONCE).collect()

    assert heard.text == "bonjour"
    asked, said = api.transcriptions.requests[0].body, api.speech.requests[0].body
    assert (asked["model"], asked["language"]) == ("openai/whisper", "fr")
    assert (said["model"], said["voice"]) == ("openai/speaker", "marin")
    assert stt.circuit.endswith("/openai/whisper")


async def test_a_name_without_a_language_leaves_it_to_the_model(api: MockOpenAI) -> None:
    """And one without a voice has the plugin's."""
    api.transcriptions.stt = FakeSTT(["hello"])

    async with NamedSTT("openai/whisper", base_url=api.base_url, api_key=KEY) as stt:
        await stt.recognize(frame_of("lv-0880"), conn_options=ONCE)

    assert "language" not in api.transcriptions.requests[0].body
