"""Two participants in one room, who speak to each other; tells what was heard, and by which way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
from livekit import rtc

from agentd.aio.timing import monotonic
from agentd.audio.pcm import is_audible
from agentd.audio.tone import tone
from agentd.doctor.facts import Heard, MediaFacts, MediaQuestion, Route
from agentd.doctor.probes.answering import question
from agentd.doctor.probes.nodatagrams import refuse_datagrams
from agentd.masking import masked
from agentd.room.native import prepare_native_library

SAMPLE_RATE = 48000
FRAME_SAMPLES = SAMPLE_RATE // 100
PITCH = 440.0
SPEAKING_SECONDS = 1.0
SOURCE_QUEUE_MS = 100

CANDIDATES = ("host", "srflx", "prflx", "relay")
"""WebRTC's kinds of candidates, by number; the last is a TURN server's."""


class Participant:
    """One of the two."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self._source = rtc.AudioSource(SAMPLE_RATE, 1, queue_size_ms=SOURCE_QUEUE_MS)
        self._track: asyncio.Future[rtc.Track] = asyncio.get_running_loop().create_future()
        self.spoke_at = 0.0
        self.heard_at = 0.0
        self.room.on("track_subscribed", self._on_track)

    async def join(self, url: str, token: str) -> None:
        """Come in, and publish a track."""
        await self.room.connect(url, token)
        track = rtc.LocalAudioTrack.create_audio_track("doctor", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)

    async def sees_other(self) -> None:
        """Wait for the other's track."""
        await asyncio.shield(self._track)

    async def speak(self) -> None:
        """A steady tone."""
        self.spoke_at = monotonic()
        for start in range(0, int(SPEAKING_SECONDS * SAMPLE_RATE), FRAME_SAMPLES):
            sound = tone(PITCH, FRAME_SAMPLES, SAMPLE_RATE, start=start)
            frame = rtc.AudioFrame(bytes(sound.data), SAMPLE_RATE, 1, FRAME_SAMPLES)
            await self._source.capture_frame(frame)
        await self._source.wait_for_playout()

    async def hear(self) -> None:
        """Wait for the other's tone."""
        stream = rtc.AudioStream(await self._track, sample_rate=SAMPLE_RATE, num_channels=1)
        try:
            async for event in stream:
                samples = np.frombuffer(event.frame.data.cast("B"), dtype=np.int16)
                if is_audible(samples):
                    self.heard_at = monotonic()
                    return
        finally:
            await stream.aclose()

    async def stats(self) -> list[Any]:
        """What WebRTC counts, both ways."""
        found = await self.room.get_rtc_stats()
        return [*found.publisher_stats, *found.subscriber_stats]

    def _on_track(self, track: rtc.Track, *_: object) -> None:
        if not self._track.done():
            self._track.set_result(track)


async def meet(asked: MediaQuestion) -> MediaFacts:
    """The whole meeting; what did not happen is in the answer."""
    pair = (Participant(), Participant())
    began_at = monotonic()
    step = "joining the room"
    try:
        async with asyncio.timeout(asked.timeout):
            await asyncio.gather(
                *(one.join(asked.url, token) for one, token in zip(pair, asked.tokens, strict=True))
            )
            step = "seeing each other's audio track"
            await asyncio.gather(*(one.sees_other() for one in pair))
        joined_seconds = monotonic() - began_at
        step = "hearing each other"
        async with asyncio.timeout(asked.timeout):
            await asyncio.gather(*(one.hear() for one in pair), *(one.speak() for one in pair))
    except TimeoutError:
        return MediaFacts(error=f"{step}: not within {asked.timeout:g} s")
    except (rtc.ConnectError, rtc.participant.PublishTrackError, OSError) as error:
        return MediaFacts(error=f"{step}: {masked(str(error))[:300]}")
    stats = [await one.stats() for one in pair]
    return MediaFacts(
        joined_seconds=joined_seconds,
        heard=(heard(pair[1], pair[0], stats[0]), heard(pair[0], pair[1], stats[1])),
        route=next(iter([*routes(stats[0]), *routes(stats[1])]), None),
    )


def heard(speaker: Participant, listener: Participant, stats: Iterable[Any]) -> Heard:
    """What came of one's speaking."""
    inbound = [
        each.inbound_rtp.received for each in stats if each.WhichOneof("stats") == "inbound_rtp"
    ]
    return Heard(
        latency_ms=round((listener.heard_at - speaker.spoke_at) * 1000, 1),
        received=sum(int(each.packets_received) for each in inbound),
        lost=sum(max(0, int(each.packets_lost)) for each in inbound),
    )


def routes(stats: list[Any]) -> Iterable[Route]:
    """The candidate pairs that are in use."""
    kinds = [(each.WhichOneof("stats"), each) for each in stats]
    used = {e.transport.transport.selected_candidate_pair_id for k, e in kinds if k == "transport"}
    candidates = {
        getattr(each, kind).rtc.id: getattr(each, kind).candidate
        for kind, each in kinds
        if kind in ("local_candidate", "remote_candidate")
    }
    for kind, each in kinds:
        if kind != "candidate_pair" or each.candidate_pair.rtc.id not in used:
            continue
        pair = each.candidate_pair.candidate_pair
        local = candidates.get(pair.local_candidate_id)
        remote = candidates.get(pair.remote_candidate_id)
        if local is None or remote is None:
            continue
        kinds_of_both = [CANDIDATES[each.candidate_type] for each in (local, remote)]
        yield Route(
            protocol=local.relay_protocol or local.protocol,
            local=f"{local.address}:{local.port}",
            remote=f"{remote.address}:{remote.port}",
            relayed="relay" in kinds_of_both,
            kind=" to ".join(kinds_of_both),
            round_trip_ms=round(
                pair.total_round_trip_time / max(1, pair.responses_received) * 1000, 2
            ),
        )


def main() -> None:
    asked, answer = question(MediaQuestion)
    if asked.tcp_only:
        try:
            refuse_datagrams()
        except OSError as error:
            answer(MediaFacts(error=f"UDP can't be turned off here: {error}"))
            return
    prepare_native_library()
    answer(asyncio.run(meet(asked)))
    # Leaving a room takes the SDK its time; the server sees the end of the connection, and the
    # room is deleted in any case.
    os._exit(0)


if __name__ == "__main__":
    main()
