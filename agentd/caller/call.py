"""One scripted call, from the dispatch to the end of the answer."""

from __future__ import annotations

from contextlib import AsyncExitStack

from livekit import rtc

from agentd.aio.tasks import TaskOwner
from agentd.aio.timing import now
from agentd.errors import CallFailed

from .answer import AnswerWatch
from .line import Line
from .plan import CallPlan, CallReport
from .speech import Ear, microphone, speak


async def place_call(plan: CallPlan) -> CallReport:
    """Call an agent, speak, and record what it answers.

    Raises CallFailed, which names the step, when something did not come in time, and AudioError
    for a recording that can't be sent. The room has been left when it returns or raises.
    """
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(TaskOwner(f"call {plan.room}"))
        call = _Call(plan, tasks)
        stack.push_async_callback(call.line.leave)
        await call.line.join()
        await call.line.dispatch()
        await call.line.wait_until_heard()
        await call.speak()
        ended = await call.wait_for_answer()
        return call.report(answer_ended=ended)


class _Call:
    """What one call says and hears."""

    def __init__(self, plan: CallPlan, tasks: TaskOwner) -> None:
        self._plan = plan
        self._tasks = tasks
        self._watch = AnswerWatch(plan.silence_after)
        # The recording holds everything from the track's coming: speech, reply and the waits.
        longest = plan.speech.duration + plan.max_answer + 3 * plan.timeout
        self._ear = Ear(self._watch, plan.speech.sample_rate, longest)
        self._source = microphone(plan.speech.sample_rate)
        self.line = Line(plan, tasks, self._source, heard=self._listen)

    def _listen(self, track: rtc.Track) -> None:
        self._tasks.start(self._ear.run(track), name="ear")

    async def speak(self) -> None:
        """Say the clip in real time."""
        speech = self._plan.speech
        self._watch.asked_at = now()
        self.line.timeline.mark("speech began", self._watch.asked_at)
        if not await self.line.comes(
            speak(self._source, speech), speech.duration + self._plan.timeout
        ):
            remedy = "is this machine overloaded, or the connection lost?"
            raise CallFailed(self.line.why("the speech could not be sent", remedy), step="speech")
        self._watch.asked_until = now()
        self.line.timeline.mark("speech ended", self._watch.asked_until)

    async def wait_for_answer(self) -> bool:
        """Wait for a reply and its end; says whether the end was heard."""
        ended = False
        if await self.line.comes(self._ear.replied.wait(), self._plan.timeout):
            ended = await self.line.comes(self._ear.over.wait(), self._plan.max_answer)
        if self._watch.began_at is None or self._watch.heard_at is None:
            raise CallFailed(self._why_no_answer(), step="answer")
        self.line.timeline.mark("answer began", self._watch.began_at)
        self.line.timeline.mark("answer ended", self._watch.heard_at)
        return ended or bool(self.line.lost_because)

    def report(self, *, answer_ended: bool) -> CallReport:
        """What has come of the call."""
        return CallReport(
            room=self._plan.room,
            agent_identity=self.line.agent,
            moments=self.line.timeline.moments(),
            latencies=self.line.timeline.latencies(),
            recording=self._ear.recording(),
            answer_ended=answer_ended,
        )

    def _why_no_answer(self) -> str:
        if not self.line.has_track:
            remedy = "it has published no audio track; look at the agent's log"
        else:
            remedy = "its audio track is silent; look at the agent's log for what it heard"
        return self.line.why(f"the agent '{self.line.agent}' gave no answer", remedy)
