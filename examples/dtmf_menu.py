"""A telephone menu: the caller presses keys, and the agent can press keys of another menu itself.

    agentd dev examples/dtmf_menu.py

Call it over SIP and press 1, 2 or 0; or write "call the porter" to have it press keys.
"""

from __future__ import annotations

from agentd import Agent, AgentServer, AgentSession, JobContext, SipDtmfReceivedEvent, cli
from agentd.beta.tools import send_dtmf_events
from agentd.plugins import piper, rules

server = AgentServer()

MENU = "Press one for our opening hours, two for the address, or zero to hear this again."
ANSWERS = {
    "0": MENU,
    "1": "We are open from nine to five.",
    "2": "You find us at the harbour.",
}

LLM = rules.LLM(otherwise=MENU).rule(
    "call the porter",
    call="send_dtmf_events",
    arguments={"events": ["4", "#"]},
    then="I have {output}.",
)


class Menu(Agent):
    """Reads out the menu."""

    def __init__(self) -> None:
        super().__init__(instructions="You are a telephone menu.", tools=[send_dtmf_events])

    async def on_enter(self) -> None:
        """Say what there is."""
        self.session.say(MENU)


@server.rtc_session(agent_name="dtmf-menu")
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    session = AgentSession[None](llm=LLM, tts=piper.TTS(), user_away_timeout=None)

    @session.on("sip_dtmf_received")
    def pressed(event: SipDtmfReceivedEvent) -> None:
        session.interrupt()
        session.say(ANSWERS.get(event.digit, f"There is nothing behind {event.digit}. {MENU}"))

    await session.start(agent=Menu(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
