"""Entry point of a child that is spawned, where forking from a template can't be."""

from __future__ import annotations

import sys

import msgspec

from agentd.protocol.app import BootArgs
from agentd.protocol.ids import ChildId


def main() -> int:
    boot = msgspec.json.decode(sys.argv[1], type=BootArgs)
    # Only now: what these import is no light matter, and a wrong command line fails before.
    from agentd.app.server import AgentServer
    from agentd.child.entrypoint import load_app
    from agentd.child.life import ChildPlan, run_child
    from agentd.room.native import prepare_native_library
    from agentd.tracing import prepare

    def load() -> AgentServer:
        app = load_app(boot.app, verbose=boot.verbose)
        prepare()
        return app

    prepare_native_library()
    plan = ChildPlan(child_id=ChildId(boot.child_id), socket=boot.socket, verbose=boot.verbose)
    return run_child(plan, load)


if __name__ == "__main__":
    sys.exit(main())
