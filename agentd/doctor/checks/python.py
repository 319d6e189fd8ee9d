"""The interpreter, the packages in it, and the native libraries that they bring."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from importlib.util import find_spec

from msgspec import Struct
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from agentd.doctor.facts import LibraryFact, LibraryFacts, Nothing
from agentd.doctor.finding import Finding, failure, ok, warning
from agentd.doctor.patient import Patient
from agentd.doctor.spawned import ProbeEnded, ask_probe
from agentd.plugins import installed

OLDEST = (3, 11)

SLOW_LIBRARY_MS = 2000.0


# -- the interpreter ---------------------------------------------------------------


def judge_python(version: tuple[int, ...], bits: int, implementation: str) -> Finding:
    """The version that pyproject.toml asks for, and 64 bits, as the media library is built."""
    text = f"{implementation} {'.'.join(map(str, version))}, {bits} bits"
    if version[:2] < OLDEST:
        return failure(text, "use Python 3.11 or newer: uv venv --python 3.13")
    if bits != 64:
        return failure(f"{text}: LiveKit's library is built for 64", "use a 64-bit Python")
    if implementation != "cpython":
        return warning(f"{text}: agentd is tried on CPython only", "use CPython")
    return ok(text)


async def python_version(_: Patient) -> Finding:
    bits = 64 if sys.maxsize > 2**32 else 32
    return judge_python(tuple(sys.version_info[:3]), bits, sys.implementation.name)


# -- packages ----------------------------------------------------------------------


def judge_packages(requirements: Iterable[str], have: Mapping[str, str]) -> Finding:
    """Every requirement without an extra is met. `have` is versions by canonical name."""
    wrong: list[str] = []
    met = 0
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            wrong.append(f"'{text}' can't be read")
            continue
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = have.get(canonicalize_name(requirement.name))
        if version is None:
            wrong.append(f"{requirement.name} is not installed")
        elif not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version}, needed is {requirement.specifier}")
        else:
            met += 1
    if wrong:
        return failure("; ".join(wrong), "pip install --upgrade agentd")
    own = have.get("agentd", "?")
    return ok(f"agentd {own}, all {met} packages that it needs")


async def packages(_: Patient) -> Finding:
    return judge_packages(metadata.requires("agentd") or (), versions())


def versions() -> dict[str, str]:
    """What is installed, by canonical name; the first of two counts, as in an import."""
    found: dict[str, str] = {}
    for each in metadata.distributions():
        name = each.metadata["Name"]
        if name:
            found.setdefault(canonicalize_name(name), each.version)
    return found


# -- plugins -----------------------------------------------------------------------


class PluginFact(Struct, frozen=True, kw_only=True):
    """An installed plugin."""

    name: str
    version: str
    requires: tuple[str, ...]
    found: bool
    """Whether its package is there."""


def judge_plugins(plugins: Iterable[PluginFact], have: Mapping[str, str]) -> Finding:
    """Each is whole, and built for this agentd."""
    plugins = tuple(plugins)
    wrong = []
    for plugin in plugins:
        if not plugin.found:
            wrong.append(f"{plugin.name}: its package is gone")
        for text in plugin.requires:
            requirement = Requirement(text)
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
                continue
            version = have.get(canonicalize_name(requirement.name))
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                wrong.append(
                    f"{plugin.name} {plugin.version} needs {requirement}, "
                    f"here is {version or 'none'}"
                )
    if wrong:
        names = " ".join(f"agentd-{plugin.name}" for plugin in plugins)
        return failure("; ".join(wrong), f"pip install --upgrade agentd {names}")
    listed = ", ".join(f"{plugin.name} {plugin.version}" for plugin in plugins)
    return ok(listed or "no plugin is installed")


async def plugins(_: Patient) -> Finding:
    facts = []
    for name, entry in sorted(installed().items()):
        dist = entry.dist
        facts.append(
            PluginFact(
                name=name,
                version="" if dist is None else dist.version,
                requires=tuple(() if dist is None else dist.requires or ()),
                found=find_spec(entry.module.partition(".")[0]) is not None,
            )
        )
    return judge_plugins(facts, versions())


# -- native libraries --------------------------------------------------------------


def judge_libraries(libraries: Iterable[LibraryFact]) -> Finding:
    """All load, and soon."""
    libraries = tuple(libraries)
    broken = [f"{each.name}: {each.error}" for each in libraries if each.error]
    if broken:
        names = " ".join(each.name for each in libraries if each.error)
        return failure("; ".join(broken), f"pip install --force-reinstall {names}")
    listed = ", ".join(f"{each.name} {each.version} in {each.ms:.0f} ms" for each in libraries)
    slow = [each.name for each in libraries if each.ms > SLOW_LIBRARY_MS]
    if slow:
        return warning(
            f"slow to load: {listed}",
            "is the disk slow, or a virus scanner at work? Each start waits for this",
        )
    return ok(listed)


async def native_libraries(patient: Patient) -> Finding:
    try:
        facts, _ = await ask_probe("natives", Nothing(), LibraryFacts, patient.probe_environment())
    except ProbeEnded as error:
        return judge_crash(str(error))
    return judge_libraries(facts.libraries)


def judge_crash(text: str) -> Finding:
    """A process that died while it loaded a library; its last words name it."""
    name = text.rpartition("loading ")[2].strip() if "loading " in text else ""
    remedy = f"pip install --force-reinstall {name}" if name else "pip install --upgrade agentd"
    return failure(f"loading native libraries: {text}", remedy)


def judge_uvloop(version: str, error: str) -> Finding:
    """The supervisor's event loop."""
    if error:
        return warning(
            f"uvloop can't be loaded ({error}): the daemon runs on asyncio's slower loop",
            "pip install --upgrade uvloop",
        )
    return ok(f"uvloop {version}")


async def uvloop(_: Patient) -> Finding:
    try:
        module = __import__("uvloop")
    except ImportError as error:
        return judge_uvloop("", str(error))
    return judge_uvloop(str(getattr(module, "__version__", "")), "")


# -- text --------------------------------------------------------------------------


def judge_locale(filesystem: str, output: str) -> Finding:
    """Names of files and what is printed are UTF-8."""
    odd = [name for name in (filesystem, output) if name.lower().replace("-", "") != "utf8"]
    if odd:
        return warning(
            f"text is written as {', '.join(odd)}: logs lose letters",
            "set LANG=C.UTF-8 or PYTHONUTF8=1 in the environment of the daemon",
        )
    return ok("UTF-8")


async def text_encoding(_: Patient) -> Finding:
    output = getattr(sys.__stdout__, "encoding", None) or "utf-8"
    return judge_locale(sys.getfilesystemencoding(), output)
