"""`cli.run_app(...)`: an app's file as its own command, `python app.py dev`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from agentd.errors import AppNotFound

if TYPE_CHECKING:
    from types import ModuleType

    from agentd.app.options import WorkerOptions
    from agentd.app.server import AgentServer


def run_app(app: AgentServer | WorkerOptions) -> None:
    """Run the app with the command in `sys.argv`: start, dev or config; none prints help.

    Does not return. While agentd itself loads the app's file, the app is taken here
    instead and what follows in the file does not run.
    """
    # Late, as below: importing this package must load nothing that a child does not need.
    from agentd.app.captured import hand_over

    hand_over(app)
    run_script(sys.modules["__main__"], sys.argv[1:])


def run_script(main_module: ModuleType, arguments: list[str]) -> NoReturn:
    """Check the command, then become `agentd <command> <this script>`.

    The process is replaced, not gone on with: it has imported the user's code and its
    libraries, and the supervisor must hold neither. The template imports the script
    again, as `__main__`, and takes the app that it hands to `run_app`. The environment
    goes along, with what the script has put into it (`load_dotenv()`).
    """
    from .main import run_command
    from .script_group import script_group

    target = script_target(main_module)
    code = run_command(script_group(), arguments)
    if code is not None:
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    # -P keeps the working directory off the path, as the console script does: a file of
    # the user's that is called like a library of ours must not reach the supervisor.
    command = [sys.executable, "-P", "-m", "agentd", arguments[0], target, *arguments[1:]]
    os.execv(sys.executable, [*command, "--run-as-main"])


def script_target(main_module: ModuleType) -> str:
    """How to name the running script: its module for `python -m package.module`, else its file."""
    spec = main_module.__spec__
    if spec is not None:
        name: str = spec.name
        return name
    file = main_module.__file__ if hasattr(main_module, "__file__") else None
    if file is None:
        raise AppNotFound(
            "cli.run_app() needs a script: put the app in a file and run `python file.py dev`"
        )
    return os.path.abspath(file)
