"""An agent with the tools of an MCP server, which runs beside it as a process.

    pip install 'agentd[mcp]'
    agentd dev examples/mcp_agent.py

Write or say "when are you open", "where is Dune". Kill the server's process, and ask again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from agentd import Agent, AgentServer, AgentSession, JobContext, cli, mcp
from agentd.llm.tools import ToolFlag
from agentd.plugins import moonshine, piper, rules, silero

server = AgentServer()

LIBRARY = Path(__file__).with_name("mcp_server.py")


def library() -> mcp.MCPToolset:
    """The catalogue's tools.

    Over HTTP it would be `mcp.MCPServerHTTP("http://127.0.0.1:8000/mcp", headers={...})`.
    """
    return mcp.MCPToolset(
        id="library",
        mcp_server=mcp.MCPServerStdio(sys.executable, [str(LIBRARY)], name="library"),
        tool_options={"find_book": {"flags": ToolFlag.IDEMPOTENT, "timeout": 5.0}},
    )


@server.rtc_session(agent_name="mcp_agent")
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    session = AgentSession[None](
        vad=silero.VAD.load(),
        stt=moonshine.STT(),
        tts=piper.TTS(),
        llm=rules.LLM(otherwise="Ask me for a book.")
        .rule(
            pattern=r"\bwhere is (?P<title>\w+)", call="find_book", arguments={"title": "{title}"}
        )
        .rule("open", call="opening_hours"),
        user_away_timeout=None,
    )
    agent = Agent(instructions="You work at a library.", tools=[library()])
    await session.start(agent=agent, room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
