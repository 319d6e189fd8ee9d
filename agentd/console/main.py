"""One conversation with an app in this process, from its import to the end of its job."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from typing import Any

from agentd.aio.tasks import TaskOwner
from agentd.audio.wav import read_wav
from agentd.child.bootstrap import new_loop
from agentd.child.entrypoint import load_app
from agentd.credentials import remember_environment
from agentd.errors import SessionError
from agentd.job.run import run_job
from agentd.job.shutdown import ShutdownRequest
from agentd.logs.setup import setup_logging
from agentd.protocol.job import JobOutcome
from agentd.room.native import prepare_native_library
from agentd.settings.load import export_livekit_env

from .caller import Caller
from .duplex import Duplex
from .errors_shown import show_users_frames
from .job import fake_assignment, warm_process
from .plan import ConsolePlan
from .prompt import patch_stdout
from .report import Keeper
from .screen import Screen
from .stage import Stage
from .wav_deck import WavDeck

LEFT = "the console was left"

ExitNow = Callable[[], None]
"""Ends the process, whatever runs in it."""


def run_console(plan: ConsolePlan, *, exit_now: ExitNow) -> JobOutcome:
    """Talk to an app until its job is over; how that went.

    Raises AppError, AudioError for a WAV file, SoundUnavailable, DirectoryUnusable and SessionError
    where the app starts no session for what is spoken or written to it.
    """
    prepare_native_library()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_run(plan, exit_now))


async def _run(plan: ConsolePlan, exit_now: ExitNow) -> JobOutcome:
    # Until the app is loaded Ctrl-C is what it is elsewhere: an import can't be asked to end.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interactive = plan.mode != "wav" and sys.stdin.isatty() and sys.stdout.isatty()
    # A terminal's lines come above the one that is typed on.
    with patch_stdout(raw=True) if interactive else nullcontext():
        # Beside what is said, which programs may want to read.
        setup_logging(plan.config.log_level, "console", sys.stderr, colour=plan.colour)
        show_users_frames(verbose=plan.verbose)
        export_livekit_env(plan.config)
        remember_environment()
        conversation = _Conversation(plan, exit_now, interactive=interactive)
        return await conversation.run()


class _Conversation:
    def __init__(self, plan: ConsolePlan, exit_now: ExitNow, *, interactive: bool) -> None:
        """Raises AudioError and DirectoryUnusable for files that can't be used."""
        self._plan = plan
        self._exit_now = exit_now
        self._shutdown = ShutdownRequest()
        self._screen = Screen(colour=plan.colour)
        self._screen.audio = plan.mode != "text"
        duplex = Duplex()
        self._deck = (
            WavDeck(duplex, read_wav(plan.input), plan.output) if plan.mode == "wav" else None
        )
        self._keeper = Keeper(plan.record, lost=self._screen.error) if plan.record else None
        self._stage = Stage(self._screen, duplex, self._shutdown, echo_typed=not interactive)
        self._tasks = TaskOwner("console")
        self._failure: BaseException | None = None
        self._caller = Caller(
            plan,
            self._stage,
            self._screen,
            duplex,
            self._shutdown,
            interactive=interactive,
        )

    async def run(self) -> JobOutcome:
        plan = self._plan
        app = load_app(plan.app, verbose=plan.verbose)
        process = warm_process(app, plan)
        self._hear_signals()
        try:
            if self._deck is not None:
                self._start(self._deck.run(), name="wav")
            self._start(self._call(), name="caller")
            outcome = await run_job(
                app,
                fake_assignment(plan),
                process,
                plan.config,
                shutdown=self._shutdown,
                listener=self._stage,
            )
        finally:
            self._caller.stop()
            await self._tasks.aclose()
            if self._deck is not None:
                self._deck.close()
        if self._keeper is not None:
            await self._keeper.close(self._stage.current, error=outcome.error)
            self._screen.note(f"recorded in {self._keeper.directory}")
        if self._failure is not None:
            raise self._failure
        return outcome

    async def _call(self) -> None:
        session = await self._caller.session()
        if self._keeper is not None:
            await self._keeper.record(session)
        try:
            if self._deck is not None:
                await self._caller.play(self._deck, session)
            else:
                await self._caller.talk(session)
        except SessionError:
            return  # it is closing, and the job ends with it

    def _start(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """What of the console fails ends the conversation, and is told then."""
        self._tasks.start(work, name=name, report=False).add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._failure = self._failure or error
        self._shutdown.request(str(error))

    def _hear_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupted)
        self._caller.interrupted = self._interrupted

    def _interrupted(self) -> None:
        """The first time all is ended in order, the second time at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
            # Not the loop's: what the user's code does at the end may hold that up.
            signal.signal(number, lambda _number, _frame: self._exit_now())
        self._screen.note("ending; once more ends at once")
        self._shutdown.request(LEFT, user_initiated=True)
