"""The caller: types, speaks by a sound card, or plays a file."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from agentd.aio.timing import now, wait_event, within
from agentd.errors import SessionError, SoundUnavailable
from agentd.job.shutdown import ShutdownRequest
from agentd.voice.dtmf import keys
from agentd.voice.session import AgentSession

from .duplex import Duplex
from .piped import piped_lines
from .plan import ConsolePlan
from .prompt import Prompt
from .screen import Screen
from .sound_card import SoundCard
from .stage import Stage
from .wav_deck import WavDeck

SESSION_HINT = 10.0
"""Seconds until we say that the app has started no session."""

SESSION_TIMEOUT = 60.0
"""Seconds that an app has to start a session, where nobody is there to give up."""

GREETING_TIMEOUT = 60.0
"""Seconds that a greeting is waited for before the input is spoken all the same."""

QUIET = 2.0
"""Seconds in which nothing has happened, after which the agent has finished."""

HEARING_TIMEOUT = 20.0
"""Seconds that what was spoken has to become text: a model may have to be loaded for it first."""

FINISH_TIMEOUT = 120.0
"""Seconds that an agent has to finish after the last of the input."""

INPUT_ENDED = "the input has ended"
LEFT = "the console was left"
HELP = (
    "write to the agent, or: /dtmf 42# (keys of a telephone), /quit, /help; Ctrl-T: text or audio"
)


class Caller:
    """One caller. `interrupted` is what Ctrl-C does."""

    def __init__(
        self,
        plan: ConsolePlan,
        stage: Stage,
        screen: Screen,
        duplex: Duplex,
        shutdown: ShutdownRequest,
        *,
        interactive: bool,
    ) -> None:
        self._plan = plan
        self._stage = stage
        self._screen = screen
        self._duplex = duplex
        self._shutdown = shutdown
        self._interactive = interactive
        self._card: SoundCard | None = None
        self.interrupted: Callable[[], None] = lambda: shutdown.request(LEFT)

    async def session(self) -> AgentSession[Any]:
        """The app's session, once it listens; raises SessionError."""
        stage = self._stage
        if not await wait_event(stage.listening, SESSION_HINT):
            self._screen.note("the app has started no AgentSession yet: session.start(agent, ...)")
            if self._interactive:
                await stage.listening.wait()
            elif not await wait_event(stage.listening, SESSION_TIMEOUT - SESSION_HINT):
                raise SessionError(
                    f"the app has started no AgentSession within {SESSION_TIMEOUT:g} s"
                )
        assert stage.current is not None
        return stage.current

    async def play(self, deck: WavDeck, session: AgentSession[Any]) -> None:
        """Speak the input, and end when the agent has finished."""
        if not self._plan.at_once:
            await self._until_quiet(session, GREETING_TIMEOUT, quiet=0.5)
        self._stage.all_heard = not deck.is_audible
        deck.begin()
        await deck.spoken.wait()
        if not await self._until_quiet(session, FINISH_TIMEOUT):
            self._screen.error(f"the agent has not finished within {FINISH_TIMEOUT:g} s")
        self._shutdown.request(INPUT_ENDED)

    async def talk(self, session: AgentSession[Any]) -> None:
        """Be the user at the keyboard and, with audio, at the microphone."""
        if self._plan.mode == "audio":
            self._listen(True)
        if self._interactive:
            await self._prompt(session)
        elif not self._screen.audio:
            await self._piped(session)

    def stop(self) -> None:
        """Let go of the sound card. May be repeated."""
        if self._card is not None:
            self._card.stop()

    # -- the keyboard ------------------------------------------------------------------------

    async def _prompt(self, session: AgentSession[Any]) -> None:
        self._screen.note(HELP)
        prompt = Prompt(status=self._status, toggle=lambda: self._listen(not self._screen.audio))
        while True:
            try:
                line = await prompt.line()
            except EOFError:
                self._shutdown.request(LEFT, user_initiated=True)
                return
            except KeyboardInterrupt:
                self.interrupted()
                return
            self._typed(session, line.strip())

    async def _piped(self, session: AgentSession[Any]) -> None:
        """One line after the other, each when the one before is answered."""
        await self._until_quiet(session, GREETING_TIMEOUT, quiet=0.1)
        async for line in piped_lines(sys.stdin):
            answered = self._typed(session, line.strip())
            if answered is not None:
                await asyncio.wait({answered})
                await self._until_quiet(session, FINISH_TIMEOUT, quiet=0.1)
        await self._until_quiet(session, FINISH_TIMEOUT, quiet=0.1)
        self._shutdown.request(INPUT_ENDED)

    def _typed(self, session: AgentSession[Any], line: str) -> asyncio.Future[None] | None:
        if not line:
            return None
        command, _, rest = line.partition(" ")
        match command:
            case "/dtmf":
                self._press(session, rest.strip())
            case "/quit":
                self._shutdown.request(LEFT, user_initiated=True)
            case "/help":
                self._screen.note(HELP)
            case _:
                return self._stage.typed(line)
        return None

    def _press(self, session: AgentSession[Any], text: str) -> None:
        try:
            pressed = keys(text)
        except ValueError as error:
            self._screen.error(str(error))
            return
        for key in pressed:
            session.key_pressed(key.value, key.code, "caller")

    # -- the sound card ------------------------------------------------------------------------

    def _listen(self, audio: bool) -> None:
        """Begin or end with sound; where there is none, it is text, and said why."""
        if audio and self._card is None and not self._open_card():
            audio = False
        if not audio and self._card is not None:
            self._card.stop()
            self._card = None
        self._stage.set_audio(audio)

    def _open_card(self) -> bool:
        card = SoundCard(
            self._duplex,
            input_device=self._plan.input_device,
            output_device=self._plan.output_device,
            processing=self._plan.echo_cancellation,
            lost=self._lost,
        )
        try:
            card.start()
        except SoundUnavailable as error:
            self._screen.error(f"{error}")
            self._screen.note("going on with text (--text says so from the start)")
            return False
        self._card = card
        return True

    def _lost(self) -> None:
        self._screen.error("the sound device is gone: going on with text")
        self._listen(False)

    def _status(self) -> str:
        return self._screen.status(self._duplex.heard_level, self._duplex.played_level)

    # -- helpers -------------------------------------------------------------------------------

    async def _until_quiet(
        self, session: AgentSession[Any], timeout: float, *, quiet: float = QUIET
    ) -> bool:
        """Wait until nothing happens any more; says whether that came in time.

        Raises SessionError where the session closes meanwhile.
        """
        deadline = now() + timeout
        heard_until = now() + HEARING_TIMEOUT
        while now() < deadline:
            self._stage.stirred.clear()
            try:
                await within(deadline, session.wait_for_idle())
            except TimeoutError:
                return False
            if await wait_event(self._stage.stirred, quiet):
                continue
            if self._is_at_rest(session) and (self._stage.all_heard or now() >= heard_until):
                return True
        return False

    @staticmethod
    def _is_at_rest(session: AgentSession[Any]) -> bool:
        return session.user_state != "speaking" and session.agent_state in {"listening", "idle"}
