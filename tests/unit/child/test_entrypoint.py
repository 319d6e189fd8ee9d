"""Finding and importing the user's app in each of its forms, and telling what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentd.app.server import AgentServer
from agentd.child.entrypoint import load_app
from agentd.errors import AppError, AppImportFailed, AppNotFound, NoEntrypoint
from agentd.protocol.app import AppRef

APP = """\
from agentd import AgentServer

server = AgentServer(max_jobs=3)

@server.rtc_session()
async def entry(ctx):
    pass
"""

SECOND = """
other = AgentServer(max_jobs=4)

@other.rtc_session()
async def other_entry(ctx):
    pass
"""

SCRIPT = """\
from agentd import AgentServer, cli

if __name__ == "__main__":
    server = AgentServer(max_jobs=3)

    @server.rtc_session()
    async def entry(ctx):
        pass

    cli.run_app(server)
    raise RuntimeError("not reached")
"""

OPTIONS = """\
from agentd import WorkerOptions, cli

async def entry(ctx):
    pass

if __name__ == "__main__":
    cli.run_app(WorkerOptions(entrypoint_fnc=entry, agent_name="parrot"))
"""

MakeApp = Callable[..., AppRef]


@pytest.fixture
def app(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[MakeApp]:
    """Writes an app under a name of this test's own; what it imports is forgotten afterwards."""
    path, modules, main = list(sys.path), set(sys.modules), sys.modules["__main__"]

    def make(source: str, **others: object) -> AppRef:
        file = tmp_path / "some_app.py"
        file.write_text(source)
        return AppRef(target=str(file), **others)  # type: ignore[arg-type]

    yield make
    sys.path[:] = path
    sys.modules["__main__"] = main
    for name in sys.modules.keys() - modules:
        if name.startswith(("some_app", "agentd_app_some_app", "package_of_apps")):
            del sys.modules[name]


def max_jobs(app: AgentServer) -> object:
    """A setting that tells apps from each other."""
    return app.options.get("max_jobs")


@pytest.mark.parametrize(
    ("source", "others", "jobs"),
    [
        (APP, {}, 3),
        (APP, {"name": "server"}, 3),
        (APP + SECOND, {"name": "other"}, 4),
        (SCRIPT, {"as_main": True}, 3),
        (SCRIPT, {}, 3),
    ],
    ids=["file", "file:name", "file:other name", "as main", "as main without being told"],
)
def test_a_file_is_an_app(app: MakeApp, source: str, others: dict[str, object], jobs: int) -> None:
    """Named or looked for, imported or run as a script."""
    assert max_jobs(load_app(app(source, **others))) == jobs


@pytest.mark.parametrize("as_main", [True, False])
def test_options_that_exist_only_in_the_call_are_an_app(app: MakeApp, as_main: bool) -> None:
    """The older way to write one."""
    assert load_app(app(OPTIONS, as_main=as_main)).agent_name == "parrot"


@pytest.mark.parametrize("name", ["", "server"])
def test_a_module_is_an_app(app: MakeApp, tmp_path: Path, name: str) -> None:
    """As Python finds it, also inside a package."""
    package = tmp_path / "package_of_apps"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "inner.py").write_text(APP)
    app("")
    sys.path.insert(0, str(tmp_path))

    assert max_jobs(load_app(AppRef(target="package_of_apps.inner", name=name))) == 3


def test_a_file_may_import_its_neighbours(app: MakeApp, tmp_path: Path) -> None:
    """Its folder is on the path, as with `python file.py`."""
    (tmp_path / "some_app_helper.py").write_text(APP)

    assert max_jobs(load_app(app("from some_app_helper import server\n"))) == 3


def test_a_file_may_have_the_name_of_a_module_that_is_loaded(tmp_path: Path, app: MakeApp) -> None:
    """`logging.py` is a poor name, but it is the user's."""
    app("")
    path = tmp_path / "logging.py"
    path.write_text(APP)
    before = sys.modules["logging"]

    loaded = load_app(AppRef(target=str(path)))

    assert max_jobs(loaded) == 3
    assert sys.modules["logging"] is before
    del sys.modules["agentd_app_logging"]


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("import no_such_thing\n", "No module named 'no_such_thing'", "import no_such_thing"),
        ("x = 1\ny = 1 / 0\n", "ZeroDivisionError", "y = 1 / 0"),
        ("def broken(:\n    pass\n", "SyntaxError", "def broken(:"),
        ("import sys\nsys.exit(4)\n", "exit code 4", "sys.exit(4)"),
        (APP.replace("max_jobs=3", "max_jobz=3"), "max_jobz", "server = AgentServer(max_jobz=3)"),
        (
            APP + "@server.rtc_session()\nasync def second(ctx):\n    pass\n",
            "already has the entrypoint 'entry'",
            "@server.rtc_session()",
        ),
    ],
    ids=["import", "raises", "syntax", "exit", "wrong option", "second entrypoint"],
)
@pytest.mark.parametrize("as_main", [True, False])
def test_the_user_s_own_line_is_shown_and_none_of_ours(
    app: MakeApp, source: str, message: str, line: str, as_main: bool
) -> None:
    """Whatever the app raises while it is imported."""
    with pytest.raises(AppImportFailed) as raised:
        load_app(app(source, as_main=as_main))

    assert message in str(raised.value)
    assert line in raised.value.traceback
    assert "/agentd/" not in raised.value.traceback


def test_a_preload_that_raises_is_the_user_s_error_too(app: MakeApp) -> None:
    """It runs in the template as part of the import."""
    with pytest.raises(AppImportFailed, match="ZeroDivisionError") as raised:
        load_app(app(APP.replace("max_jobs=3", "preload_fnc=lambda: 1 / 0")))

    assert "preload_fnc=lambda: 1 / 0" in raised.value.traceback


def test_our_frames_can_be_asked_for(app: MakeApp) -> None:
    """For whoever suspects agentd."""
    with pytest.raises(AppImportFailed) as raised:
        load_app(app("1 / 0\n"), verbose=True)

    assert "/agentd/child/entrypoint.py" in raised.value.traceback


@pytest.mark.parametrize(
    ("source", "others", "error", "message"),
    [
        ("x = 1\n", {}, NoEntrypoint, "has no AgentServer"),
        (APP.partition("@")[0], {}, NoEntrypoint, "has no entrypoint"),
        (APP, {"name": "nobody"}, AppNotFound, "no object named 'nobody': use one of these"),
        (APP, {"name": "entry"}, NoEntrypoint, "is a function, not an AgentServer"),
        (APP, {"as_main": True}, NoEntrypoint, "ended without calling cli.run_app"),
    ],
    ids=["nothing in it", "no entrypoint", "no such name", "another thing", "no run_app"],
)
def test_an_app_that_is_none_is_told_with_a_remedy(
    app: MakeApp, source: str, others: dict[str, object], error: type[AppError], message: str
) -> None:
    """Which is not the user's code raising: there is no traceback to show."""
    with pytest.raises(error, match=message):
        load_app(app(source, **others))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/nowhere/app.py", "there is no file '/nowhere/app.py'"),
        ("no_such_module", "there is no module 'no_such_module'"),
        ("no_such_package.app", "there is no module 'no_such_package.app'"),
        ("json.no_such", "there is no module 'json.no_such'"),
    ],
)
def test_an_app_that_is_not_there_is_told(app: MakeApp, target: str, message: str) -> None:
    """The message repeats what was asked for."""
    app("")

    with pytest.raises(AppNotFound, match=message):
        load_app(AppRef(target=target))
