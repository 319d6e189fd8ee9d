"""Entry point of the model host: `python -m agentd.modelhost HOST_ARGS_AS_JSON`."""

from __future__ import annotations

import asyncio
import signal
import sys

import msgspec

from agentd.child.bootstrap import new_loop, settle_process
from agentd.credentials import remember_environment
from agentd.protocol.models import HostArgs

from .life import live


def main() -> int:
    args = msgspec.json.decode(sys.argv[1], type=HostArgs)
    if args.folder:
        sys.path.insert(0, args.folder)
    settle_process()
    remember_environment()
    # The supervisor decides, and tells by a frame; as with SIGINT, a program that a model starts
    # must find the default.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(live(args))


if __name__ == "__main__":
    sys.exit(main())
