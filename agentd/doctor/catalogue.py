"""The table of all checks. docs/operations.md has the same one, held by a test."""

from __future__ import annotations

from collections.abc import Iterable

from agentd.settings.fields import nearest

from .check import Check
from .checks import (
    access,
    app,
    daemon,
    http,
    limits,
    machine,
    media,
    models,
    python,
    server,
    service,
    settings,
    storage,
)

IMPORT_SECONDS = 8.0
"""For what the app has a say in: its import gets nearly all the time there is."""

CHECKS: tuple[Check, ...] = (
    Check(
        id="python-version",
        group="python",
        looks_at="version, kind and bits of the interpreter",
        run=python.python_version,
    ),
    Check(
        id="packages",
        group="python",
        looks_at="every package that agentd needs, and its version",
        run=python.packages,
    ),
    Check(
        id="plugins",
        group="python",
        looks_at="installed plugins: whole, and built for this agentd",
        run=python.plugins,
    ),
    Check(id="uvloop", group="python", looks_at="the supervisor's event loop", run=python.uvloop),
    Check(
        id="native-libraries",
        group="python",
        looks_at="LiveKit's library, numpy, webrtcvad and others: each is loaded",
        run=python.native_libraries,
        deadline=8.0,
    ),
    Check(
        id="text-encoding",
        group="python",
        looks_at="names of files and output are UTF-8",
        run=python.text_encoding,
    ),
    Check(
        id="kernel",
        group="machine",
        looks_at="what the supervisor uses of Linux: pidfd, subreaper",
        run=machine.kernel,
    ),
    Check(
        id="udp-buffers",
        group="machine",
        looks_at="receive buffers, and datagrams lost for want of them",
        run=machine.udp_buffers,
    ),
    Check(
        id="memory-policy",
        group="machine",
        looks_at="overcommit, and memory that is swapped out",
        run=machine.memory_policy,
    ),
    Check(
        id="core-files",
        group="machine",
        looks_at="whether a crash writes a child's memory to disk",
        run=machine.core_files,
    ),
    Check(
        id="settings",
        group="settings",
        looks_at="every value can be used, where it comes from, variables that set nothing",
        run=settings.settings,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="proxies",
        group="settings",
        looks_at="proxies on the way to LiveKit",
        run=settings.proxies,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="secret-files",
        group="settings",
        looks_at="who can read files with keys in them",
        run=settings.secret_files,
    ),
    Check(
        id="app-imports",
        group="app",
        looks_at="the app is found, imports, and has an entrypoint",
        run=app.imports,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="app-import-time",
        group="app",
        looks_at="how long its import takes, and the five slowest packages",
        run=app.import_time,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="app-fork-safe",
        group="app",
        looks_at="threads that its import leaves running, and which module started them",
        run=app.fork_safety,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="app-agent",
        group="app",
        looks_at="its agent's name, and options that do nothing here",
        run=app.agent,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="livekit-url",
        group="server",
        looks_at="URL, key and secret are there and well formed",
        run=server.url,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="livekit-reachable",
        group="server",
        looks_at="the server answers, and how soon",
        run=server.reach,
        deadline=4.0,
        network=True,
    ),
    Check(
        id="tls",
        group="server",
        looks_at="the certificate: trusted, days left; plain ws:// beyond this machine",
        run=server.tls,
        deadline=4.0,
        network=True,
    ),
    Check(
        id="clock",
        group="server",
        looks_at="the server's clock against ours",
        run=server.clock,
        deadline=4.0,
        network=True,
    ),
    Check(
        id="api-key",
        group="server",
        looks_at="key and secret: rooms are listed, made and deleted",
        run=access.api_key,
        deadline=6.0,
        network=True,
    ),
    Check(
        id="worker-registers",
        group="server",
        looks_at="a worker registers by WebSocket, under a name of its own, and leaves",
        run=access.worker_registers,
        deadline=6.0,
        network=True,
    ),
    Check(
        id="dispatch",
        group="server",
        looks_at="a dispatch is offered to a worker, and how soon",
        run=access.dispatch,
        deadline=8.0,
        network=True,
    ),
    Check(
        id="agent-name",
        group="server",
        looks_at="others that go by the agent's name: daemons here, agents in rooms",
        run=access.agent_name,
        deadline=IMPORT_SECONDS,
        network=True,
    ),
    Check(
        id="media-udp",
        group="media",
        looks_at="two participants hear each other: route, round trip, loss",
        run=media.by_udp,
        deadline=8.0,
        network=True,
    ),
    Check(
        id="media-tcp",
        group="media",
        looks_at="the same where UDP does not pass",
        run=media.by_tcp,
        deadline=8.0,
        network=True,
    ),
    Check(
        id="turn",
        group="media",
        looks_at="TURN servers that participants are told of answer",
        run=media.turn,
        deadline=6.0,
        network=True,
    ),
    Check(
        id="memory",
        group="limits",
        looks_at="memory of machine and control group against slots",
        run=limits.memory,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="cpu",
        group="limits",
        looks_at="cores and CPU quota against slots",
        run=limits.cpu,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="processes",
        group="limits",
        looks_at="limits on processes and threads against slots",
        run=limits.processes,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="open-files",
        group="limits",
        looks_at="limit on file descriptors against slots",
        run=limits.open_files,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="state-directory",
        group="storage",
        looks_at="owner, mode, a write, and a filesystem that outlives a restart",
        run=storage.state_directory,
        fix=storage.make_directories,
    ),
    Check(
        id="runtime-directory",
        group="storage",
        looks_at="owner, mode, a write, and room for sockets",
        run=storage.runtime_directory,
        fix=storage.make_directories,
    ),
    Check(
        id="disk-space",
        group="storage",
        looks_at="room for the journal",
        run=storage.disk_space,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="journal",
        group="storage",
        looks_at="SQLite's quick_check, version, log, mode",
        run=storage.journal,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="daemon",
        group="service",
        looks_at="the daemon that runs here: well, and of this version",
        run=daemon.daemon,
    ),
    Check(
        id="http-port",
        group="service",
        looks_at="the HTTP port is free, or our daemon's",
        run=daemon.http_port,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="http-token",
        group="service",
        looks_at="a token where HTTP listens beyond loopback",
        run=http.token,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="http-certificate",
        group="service",
        looks_at="certificate and key of HTTP: a pair, readable, days left",
        run=http.certificate,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="leftovers",
        group="service",
        looks_at="processes whose daemon is gone",
        run=daemon.leftovers,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="stale-files",
        group="service",
        looks_at="sockets and directories of dead daemons",
        run=daemon.stale_files,
        fix=daemon.remove_stale,
    ),
    Check(
        id="systemd-unit",
        group="service",
        looks_at="the installed unit against settings: stop, watchdog, survival, limits",
        run=service.systemd_unit,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="kubernetes",
        group="service",
        looks_at="the pod's grace period against a drain",
        run=service.kubernetes,
        deadline=IMPORT_SECONDS,
    ),
    Check(
        id="webhooks",
        group="service",
        looks_at="what can be known of LiveKit's webhooks",
        run=service.webhooks,
    ),
    Check(
        id="model-files",
        group="models",
        looks_at="files of local models: there, and with the right hash",
        run=models.model_files,
        deadline=IMPORT_SECONDS,
        fix=models.fetch_files,
    ),
    Check(
        id="providers",
        group="models",
        looks_at="keys of services are taken, and models at the app's top level answer",
        run=models.providers,
        deadline=IMPORT_SECONDS,
        network=True,
        costs=True,
    ),
)
"""In the order in which they are shown."""


def choose(only: Iterable[str] = (), skip: Iterable[str] = ()) -> tuple[Check, ...]:
    """The checks that were asked for; raises KeyError with the remedy for a name that is none."""
    known = {check.id: check for check in CHECKS}
    only, skip = tuple(only), frozenset(skip)
    for name in (*only, *skip):
        if name not in known:
            raise KeyError(f"there is no check '{name}': {nearest(name, known)}")
    chosen = [known[name] for name in dict.fromkeys(only)] if only else CHECKS
    return tuple(check for check in chosen if check.id not in skip)
