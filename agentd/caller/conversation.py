"""One call by a script: each turn is carried out, waited for and judged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

import numpy as np
from livekit import rtc
from livekit.rtc.data_stream import StreamError, TextStreamReader

from agentd.aio.bell import Bell
from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.audio.pcm import Clip, is_audible
from agentd.errors import CallFailed
from agentd.room.agent_state import ATTRIBUTE_AGENT_STATE
from agentd.room.text_input import TOPIC_CHAT
from agentd.room.transcripts import ATTRIBUTE_SEGMENT_ID, TOPIC_TRANSCRIPTION

from .judging import Answer, judge
from .levels import Levels
from .line import Line
from .listening import Notes
from .plan import Access
from .results import CallResult, TurnResult
from .script import KEYS, Script, Turn, action_of, shown
from .speech import STREAM_QUEUE_FRAMES, microphone, speak
from .voice import SAMPLE_RATE

MAX_ANSWER = 120.0
"""Seconds after which an answer that does not end is left."""

KEY_GAP = 0.3
"""Seconds between two keys, so that a switchboard tells them apart."""

SENDING_TIMEOUT = 10.0
"""Seconds for the room to take a message or a key."""


async def hold_conversation(
    access: Access, script: Script, clips: Mapping[str, Clip], *, number: int, caller: int
) -> CallResult:
    """Call an agent by a script. Never raises CallFailed: a call that fails says so in its result.

    `clips` has the audio of what is said, by its text or file.
    """
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(TaskOwner(f"call {access.room}"))
        talk = _Conversation(access, script, clips, tasks)
        stack.push_async_callback(talk.line.leave)
        error = ""
        try:
            await talk.run()
        except CallFailed as failed:
            error = str(failed)
        return talk.result(number=number, caller=caller, error=error)


class _Conversation:
    def __init__(
        self, access: Access, script: Script, clips: Mapping[str, Clip], tasks: TaskOwner
    ) -> None:
        self._access = access
        self._script = script
        self._clips = clips
        self._tasks = tasks
        self._source = microphone(SAMPLE_RATE)
        self.line = Line(access, tasks, self._source, heard=self._listen, left=self._on_left)
        self._notes = Notes()
        self._bell = Bell()
        self._changes = 0
        self._turns: list[TurnResult] = []
        self._levels = (Levels(), Levels())
        self._start_at = now()

    async def run(self) -> None:
        """From joining to the last turn; raises CallFailed where it can't go on."""
        room = self.line.room
        room.register_text_stream_handler(TOPIC_TRANSCRIPTION, self._on_text)
        room.on("participant_attributes_changed", self._on_attributes)
        await self.line.join()
        self._start_at = now()
        await self.line.dispatch()
        await self.line.wait_until_heard()
        self._notes.end(self._notes.begun_at)
        for number, turn in enumerate(self._script.turns, start=1):
            following = self._script.turns[number] if number < len(self._script.turns) else None
            await self._take(number, turn, following)
            if self._notes.left_at is not None:
                return

    def result(self, *, number: int, caller: int, error: str) -> CallResult:
        """What has come of it."""
        joined = self.line.timeline.latencies().dispatch_to_joined
        left = len(self._script.turns) - len(self._turns)
        if left and not error:
            error = f"{self.line.lost_because or 'the agent was lost'}, before the script's end"
        return CallResult(
            number=number,
            caller=caller,
            room=self._access.room,
            agent=self.line.agent,
            joined_after=None if joined is None else joined / 1000,
            seconds=round(self._since(now()), 3),
            turns=self._turns,
            not_reached=left,
            error=error,
            caller_levels=self._levels[0].values,
            agent_levels=self._levels[1].values,
        )

    # -- a turn ------------------------------------------------------------------------------

    async def _take(self, number: int, turn: Turn, following: Turn | None) -> None:
        notes = self._notes
        acts = bool(action_of(turn))
        begun_at = now()
        if acts:
            notes.begin(begun_at)
            await self._act(turn)
        if acts or number > 1:  # an agent may greet before the first turn waits for that
            notes.end(now())
        ended_at = now()
        timeout = turn.timeout if turn.timeout is not None else self._script.timeout
        if turn.expect is not None and turn.expect.silent is not None:
            await self._until_answer(turn.expect.silent)
        elif turn.expect is not None and turn.expect.hang_up:
            await self._wait(lambda: notes.left_at is not None, timeout)
        elif await self._until_answer(timeout):
            await self._hear_out(following)
        answer = Answer(
            text=notes.text,
            heard=notes.heard,
            latency=self._latency(ended_at),
            sounded=notes.first_sound_at is not None,
            left=notes.left_at is not None,
        )
        self._turns.append(
            TurnResult(
                number=number,
                name=turn.name,
                said=shown(turn),
                heard=answer.heard,
                answer=answer.text,
                begun_at=self._since(begun_at),
                ended_at=self._since(ended_at),
                answered_at=None if notes.answered_at is None else self._since(notes.answered_at),
                over_at=self._since(now()),
                latency=answer.latency,
                verdicts=judge(turn.expect, answer),
            )
        )

    def _latency(self, ended_at: float) -> float | None:
        answered_at = self._notes.answered_at
        return None if answered_at is None else round(max(0.0, answered_at - ended_at), 3)

    async def _act(self, turn: Turn) -> None:
        match action_of(turn):
            case "say" | "wav":
                await self._say(self._clips[turn.say or turn.wav])
            case "text":
                await self._send(
                    self.line.room.local_participant.send_text(turn.text, topic=TOPIC_CHAT)
                )
            case "dtmf":
                for index, key in enumerate(turn.dtmf):
                    if index:
                        await asyncio.sleep(KEY_GAP)
                    code = KEYS.index(key)
                    pressed = self.line.room.local_participant.publish_dtmf(code=code, digit=key)
                    await self._send(pressed)
            case _:
                await self._wait(lambda: self._notes.left_at is not None, turn.silence or 0.0)

    async def _say(self, clip: Clip) -> None:
        self._levels[0].add(self._since(now()), clip.samples, clip.sample_rate)
        said = speak(self._source, clip)
        if not await self.line.comes(said, clip.duration + self._access.timeout):
            remedy = "is this machine overloaded, or the connection lost?"
            raise CallFailed(self.line.why("the speech could not be sent", remedy), step="speech")

    async def _send(self, sending: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(SENDING_TIMEOUT):
                await sending
        except (rtc.participant.PublishDTMFError, StreamError, RuntimeError, TimeoutError) as error:
            what = str(error) or f"not within {SENDING_TIMEOUT:g} s"
            raise CallFailed(f"the room did not take it: {what}", step="send") from error

    async def _until_answer(self, seconds: float) -> bool:
        notes = self._notes
        await self._wait(
            lambda: notes.answered_at is not None or notes.left_at is not None, seconds
        )
        return notes.answered_at is not None

    async def _hear_out(self, following: Turn | None) -> None:
        """To the end of the answer, or until the next turn interrupts it."""
        notes, deadline = self._notes, now() + MAX_ANSWER
        if following is not None and following.interrupt_after is not None:
            assert notes.answered_at is not None
            deadline = notes.answered_at + following.interrupt_after
        while now() < deadline:
            over_at = notes.over_at(self._script.silence_after)
            if over_at is not None and now() >= over_at:
                return
            until = deadline if over_at is None else min(deadline, over_at)
            await self._change(until - now())

    # -- what the room tells -----------------------------------------------------------------

    def _listen(self, track: rtc.Track) -> None:
        self._tasks.start(self._hear(track), name="ear")

    async def _hear(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(
            track, capacity=STREAM_QUEUE_FRAMES, sample_rate=SAMPLE_RATE, num_channels=1
        )
        try:
            async for event in stream:
                samples = np.frombuffer(event.frame.data.cast("B"), dtype=np.int16)
                if not is_audible(samples):
                    continue
                at = now()
                self._levels[1].add(self._since(at), samples, SAMPLE_RATE)
                self._notes.sound(at)
                self._ring()
        finally:
            await stream.aclose()

    def _on_text(self, reader: TextStreamReader, identity: str) -> None:
        self._tasks.start(self._read(reader, identity), name="transcript")

    async def _read(self, reader: TextStreamReader, identity: str) -> None:
        segment = (reader.info.attributes or {}).get(ATTRIBUTE_SEGMENT_ID, reader.info.stream_id)
        text = ""
        try:
            async for piece in reader:
                text += piece
                if identity == self.line.identity:
                    self._notes.understood(segment, text)
                else:
                    self._notes.word(now(), segment, text)
                self._ring()
        except StreamError:
            return  # cut short: what has come of it counts

    def _on_attributes(self, changed: Mapping[str, str], participant: rtc.Participant) -> None:
        if participant.identity == self.line.agent and ATTRIBUTE_AGENT_STATE in changed:
            self._notes.state = changed[ATTRIBUTE_AGENT_STATE]
            self._ring()

    def _on_left(self) -> None:
        self._notes.left_at = now()
        self._ring()

    # -- helpers -----------------------------------------------------------------------------

    async def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait until something is so, or the time is over."""
        await self._bell.stays(lambda: not condition(), max(0.0, seconds))

    async def _change(self, seconds: float) -> None:
        """Wait until the agent is noticed again, or the time is over."""
        seen = self._changes
        await self._wait(lambda: self._changes != seen, seconds)

    def _ring(self) -> None:
        self._changes += 1
        self._bell.ring()

    def _since(self, at: float) -> float:
        return round(at - self._start_at, 3)
