"""Entry point of the model host: `python -m agentd.modelhost HOST_ARGS_AS_JSON`."""

from __future__ import annotations

import asyncio
import signal
import sys

import msgspec
import uvloop

from agentd.protocol.models import HostArgs

from .life import live


def main() -> int:
    args = msgspec.json.decode(sys.argv[1], type=HostArgs)
    if args.folder:
        sys.path.insert(0, args.folder)
    # Handlers, since "ignored" would be inherited by programs that a model starts.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(live(args))


if __name__ == "__main__":
    sys.exit(main())
