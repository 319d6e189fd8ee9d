"""A form, filled in a conversation: a task asks until it has all, and hands back what it has.

    agentd dev examples/booking.py

Write or say "a table please", "for four", "at seven".
"""

from __future__ import annotations

from dataclasses import dataclass

from agentd import Agent, AgentServer, AgentSession, AgentTask, JobContext, cli, function_tool
from agentd.plugins import moonshine, piper, rules, silero

server = AgentServer()

NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}


@dataclass
class Booking:
    """What the form is about."""

    guests: int = 0
    hour: int = 0


class FillBooking(AgentTask[Booking]):
    """Asks for what is missing, one thing at a time."""

    def __init__(self) -> None:
        super().__init__(
            instructions="Find out for how many and at which hour.",
            llm=rules.LLM(otherwise="Please say a number from two to eight.")
            .rule("guests", told=True, say="For how many?")
            .rule("hour", told=True, say="And at what hour?")
            .rule(pattern=r"\bat (?P<word>\w+)", call="set_hour", arguments={"word": "{word}"})
            .rule(pattern=r"\bfor (?P<word>\w+)", call="set_guests", arguments={"word": "{word}"}),
        )
        self.booking = Booking()

    async def on_enter(self) -> None:
        """Ask the first question."""
        self.ask()

    def ask(self) -> None:
        """Ask for what is missing, or be done."""
        if not self.booking.guests:
            self.session.generate_reply(instructions="Ask for the guests.")
        elif not self.booking.hour:
            self.session.generate_reply(instructions="Ask for the hour.")
        else:
            self.complete(self.booking)

    @function_tool
    async def set_guests(self, word: str) -> None:
        """Note for how many it is.

        Args:
            word: The number, as a word.
        """
        self.booking.guests = NUMBERS.get(word, 0)
        self.ask()

    @function_tool
    async def set_hour(self, word: str) -> None:
        """Note the hour.

        Args:
            word: The hour, as a word.
        """
        self.booking.hour = NUMBERS.get(word, 0)
        self.ask()


class Host(Agent):
    """Takes bookings."""

    def __init__(self) -> None:
        super().__init__(instructions="You take bookings for a restaurant.")

    @function_tool
    async def book(self) -> str:
        """Book a table."""
        booking = await FillBooking()
        return f"Booked for {booking.guests} at {booking.hour}."


@server.rtc_session(agent_name="booking")
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    session = AgentSession[None](
        vad=silero.VAD.load(),
        stt=moonshine.STT(),
        tts=piper.TTS(),
        llm=rules.LLM(otherwise="Would you like a table?").rule("table", call="book"),
        user_away_timeout=None,
    )
    await session.start(agent=Host(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
