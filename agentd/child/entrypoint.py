"""Imports the user's app: the only place that does."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.abc import InspectLoader
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from agentd.app.captured import AppCaptured, capturing
from agentd.app.find import find_app
from agentd.app.fresh import compile_sources_anew
from agentd.app.preload import run_preload
from agentd.app.server import AgentServer
from agentd.app.usererror import one_line, user_traceback
from agentd.credentials import remember_environment
from agentd.errors import AppError, AppImportFailed, AppNotFound, NoEntrypoint
from agentd.masking import masked
from agentd.protocol.app import AppRef
from agentd.settings.load import export_hosted_models

T = TypeVar("T")


def load_app(ref: AppRef, *, verbose: bool = False) -> AgentServer:
    """Import an app, run its preload and return it.

    Raises AppNotFound, AppImportFailed (with the user's own frames) or NoEntrypoint.
    """
    where = str(Path(ref.target).parent) if ref.is_file else ""
    if where not in sys.path:
        sys.path.insert(0, where)
    compile_sources_anew()

    def load() -> AgentServer:
        app = _run_as_main(ref) if ref.as_main else _import_app(ref)
        if app.entrypoint_fnc is None:
            raise NoEntrypoint(
                f"'{ref}' has no entrypoint: decorate a coroutine function with @server.rtc_session"
            )
        # Before the preload, which may use them already.
        export_hosted_models(ref.key for ref in app.models)
        run_preload(app)
        return app

    return _as_users(load, ref, verbose=verbose)


def _as_users(call: Callable[[], T], ref: AppRef, *, verbose: bool) -> T:
    """Run user code so that whatever it raises is told as the user's error."""
    try:
        return _and_remember(call)
    except AppError as error:
        if _raised_by_user(error):
            raise AppImportFailed(
                masked(f"'{ref}' could not be imported: {error}"),
                traceback=user_traceback(error, verbose=verbose),
            ) from error
        raise
    except SystemExit as error:
        raise AppImportFailed(
            masked(f"'{ref}' ended the process while it was imported (exit code {error.code})"),
            traceback=user_traceback(error, verbose=verbose),
        ) from error
    except Exception as error:  # the border to user code: an import may raise anything
        raise AppImportFailed(
            f"'{ref}' could not be imported: {one_line(error)}",
            traceback=user_traceback(error, verbose=verbose),
        ) from error


def _and_remember(call: Callable[[], T]) -> T:
    """The code may have loaded a `.env`: what that holds is masked from here on."""
    try:
        return call()
    finally:
        remember_environment()


def _raised_by_user(error: AppError) -> bool:
    """Whether user code was on the way: then its line is of interest."""
    traceback, ours = error.__traceback__, str(Path(__file__).resolve().parent.parent)
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if not filename.startswith((ours, "<frozen")):
            return True
        traceback = traceback.tb_next
    return False


def _import_app(ref: AppRef) -> AgentServer:
    module = _import_file(Path(ref.target)) if ref.is_file else _import_module(ref.target)
    try:
        return find_app(module, ref.name)
    except NoEntrypoint:
        # A script may make its app only under `if __name__ == "__main__"`.
        if ref.name or not _calls_run_app(module):
            raise
        return _run_as_main(ref)


def _import_module(name: str) -> ModuleType:
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:  # of a parent package
        found, missing = None, error.name or name
        if missing != name.split(".", maxsplit=1)[0] and not name.startswith(f"{missing}."):
            raise
    if found is None:
        raise AppNotFound(
            f"there is no module '{name}': run agentd where it can be imported, "
            "or give the path of a .py file"
        )
    return importlib.import_module(name)


def _import_file(path: Path) -> ModuleType:
    name = path.stem if path.stem not in sys.modules else f"agentd_app_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise AppNotFound(f"there is no file '{path}'")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _calls_run_app(module: ModuleType) -> bool:
    source = getattr(module, "__file__", None)
    return bool(source) and "run_app" in Path(str(source)).read_text("utf-8", "replace")


def _run_as_main(ref: AppRef) -> AgentServer:
    """Run the script as Python would, up to its `cli.run_app(...)`."""
    main = ModuleType("__main__")
    if ref.is_file:
        path, code = ref.target, compile(Path(ref.target).read_bytes(), ref.target, "exec")
    else:
        spec = importlib.util.find_spec(ref.target)
        loader = spec.loader if spec is not None else None
        source = loader.get_code(ref.target) if isinstance(loader, InspectLoader) else None
        if spec is None or source is None:
            raise AppNotFound(f"there is no module '{ref.target}' that can be run")
        path, code = str(spec.origin), source
        main.__spec__, main.__package__ = spec, spec.parent
    main.__file__ = path
    sys.modules["__main__"] = main
    try:
        with capturing():
            exec(code, main.__dict__)
    except AppCaptured as captured:
        return captured.app
    raise NoEntrypoint(f"'{ref}' ended without calling cli.run_app(server)")
