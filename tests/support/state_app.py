"""An app whose jobs put into `ctx.state` what their room's metadata says. Runs in children.

`note x` is a value that can be kept, `big` one too large, `odd` one that can't be encoded.
"""

from __future__ import annotations

from agentd import AgentServer, JobContext, cli

TOO_LARGE = 1024 * 1024 + 1
server = AgentServer()


@server.rtc_session(agent_name="state")
async def entry(ctx: JobContext) -> None:
    """Say what is known of the past, then do as told."""
    print(f"resumed {ctx.resumed}, note {ctx.state.get('note')}, keys {sorted(ctx.state)}")
    ctx.room.on("room_metadata_changed", lambda _old, new: obey(ctx, new))
    await ctx.connect()
    print("holding")


def obey(ctx: JobContext, order: str) -> None:
    """Do what a caller asks for."""
    word, _, value = order.partition(" ")
    if word == "note":
        ctx.state["note"] = value
    elif word == "big":
        ctx.state["big"] = bytes(TOO_LARGE)
    elif word == "odd":
        ctx.state["odd"] = object()
    elif word == "drop":
        del ctx.state[value]
    elif word == "end":
        ctx.shutdown("the caller said so")
    print(f"done {order}")


if __name__ == "__main__":
    cli.run_app(server)
