"""What is examined: settings, app, machine. What several checks want to know is shared."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from agentd.aio.tasks import TaskOwner
from agentd.errors import AgentdError, SettingsError
from agentd.protocol.app import AppRef
from agentd.settings.access import keep_secret
from agentd.settings.layers import Layer, Rank, Resolved, app_layer, resolve
from agentd.settings.load import child_environment
from agentd.settings.model import LiveKitSettings, Settings
from agentd.settings.paths import Directories, choose_directories, this_process

from .facts import IMPORT_BEGINS, AppFacts, AppQuestion
from .finding import Unexaminable
from .once import Once
from .spawned import ask_probe

APP_SECONDS = 6.0
"""How long a check that is not about the app waits for what the app may set."""

ACCESS = ("url", "api_key", "api_secret")

_IMPORT_TIME = re.compile(
    r"^import time:\s+(?P<own>\d+) \|\s+\d+ \|\s+(?P<name>[\w.]+)\s*$", re.MULTILINE
)


class Imported(Struct, frozen=True, kw_only=True):
    """An app after its import, and what the import cost."""

    facts: AppFacts
    seconds_by_package: Mapping[str, float]
    """Python's own figures, each package with all its modules; the slowest first."""


class Patient:
    """Made for one examination; `async with` ends what it has begun."""

    def __init__(
        self,
        *,
        layers: Sequence[Layer],
        environ: Mapping[str, str],
        app: AppRef | None = None,
        config: Path | None = None,
        settings_error: str = "",
        app_error: str = "",
        root: Path = Path("/"),
    ) -> None:
        """`settings_error` says why there are no layers, `app_error` why there is no app though one
        was named. `root` is the machine's.
        """
        self.environ = environ
        self.app_ref = app
        self.config = config
        """The configuration file that counts."""
        self.root = root
        self.settings_error = settings_error
        self._app_error = app_error
        self._layers = layers
        self._resolved: Resolved | None = None
        if not settings_error:
            try:
                self._resolved = resolve(layers)
                keep_secret(self._resolved)
            except SettingsError as error:
                self.settings_error = str(error)
        self.tasks = TaskOwner("doctor")
        self._imported = Once(self._import, self.tasks, "import")

    async def __aenter__(self) -> Patient:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.tasks.aclose()

    # -- settings --------------------------------------------------------------------

    def given(self) -> Resolved:
        """The settings without the app's own; raises Unexaminable."""
        if self._resolved is None:
            raise Unexaminable("the settings can't be used: see the check 'settings'")
        return self._resolved

    async def resolved(self) -> Resolved:
        """The settings with the app's own; without them where it is not imported (in time)."""
        given = self.given()
        if self.app_ref is None:
            return given
        try:
            async with asyncio.timeout(APP_SECONDS):
                info = (await self.imported()).facts.info
        except (AgentdError, TimeoutError):
            info = None
        if info is None:
            return given
        own = app_layer(info.settings, agent_name=info.agent_name)
        resolved = resolve([*self._layers, own])
        keep_secret(resolved)
        return resolved

    async def settings(self) -> Settings:
        """The same, without where each came from."""
        return (await self.resolved()).settings

    async def livekit(self) -> LiveKitSettings:
        """How to reach LiveKit. Waits for the app only where that may have a say."""
        given = self.given()
        above = all(given.origin[name].rank < Rank.APP for name in ACCESS)
        livekit = given.settings.livekit if above else (await self.settings()).livekit
        missing = [name for name in ACCESS if not getattr(livekit, name)]
        if missing:
            raise Unexaminable(f"{', '.join(missing)} not set: see the check 'livekit-url'")
        return livekit

    def directories(self) -> Directories:
        """Where a daemon with these settings keeps its things. An app has no say in it."""
        return choose_directories(self.given(), self.environ, me=this_process())

    # -- the app ---------------------------------------------------------------------

    async def imported(self) -> Imported:
        """The app, imported in a process of its own; raises Unexaminable, or ProbeEnded."""
        if self._app_error:
            return Imported(facts=AppFacts(error=self._app_error), seconds_by_package={})
        if self.app_ref is None:
            raise Unexaminable("no APP was named: run `agentd doctor APP`")
        return await self._imported.get()

    async def app(self) -> AppFacts:
        """The same, of one that could be imported; raises Unexaminable."""
        try:
            facts = (await self.imported()).facts
        except AgentdError:
            raise Unexaminable(_NOT_IMPORTED) from None
        if facts.info is None:
            raise Unexaminable(_NOT_IMPORTED)
        return facts

    def probe_environment(self) -> dict[str, str]:
        """What a template would have in its environment."""
        settings = Settings() if self._resolved is None else self._resolved.settings
        return child_environment(settings) | {"RUST_LOG": "off"}

    async def _import(self) -> Imported:
        assert self.app_ref is not None
        facts, err = await ask_probe(
            "app",
            AppQuestion(app=self.app_ref),
            AppFacts,
            self.probe_environment(),
            options=["-X", "importtime"],
        )
        return Imported(facts=facts, seconds_by_package=import_seconds(err))


_NOT_IMPORTED = "the app can't be imported: see the check 'app-imports'"


def import_seconds(text: str) -> dict[str, float]:
    """Python's `-X importtime`, added up by package, the slowest first. Pure."""
    _, _, text = text.rpartition(IMPORT_BEGINS)
    found: dict[str, float] = {}
    for match in _IMPORT_TIME.finditer(text):
        package = match["name"].partition(".")[0]
        found[package] = found.get(package, 0.0) + int(match["own"]) / 1e6
    return dict(sorted(found.items(), key=lambda item: item[1], reverse=True))
