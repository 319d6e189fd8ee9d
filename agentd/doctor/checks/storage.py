"""The directories, the disk below them, and the journal."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from msgspec import Struct

from agentd.doctor.finding import Finding, failure, gravest, ok, skipped, warning
from agentd.doctor.patient import Patient
from agentd.doctor.threads import in_thread
from agentd.errors import AgentdError, JournalCorrupt, JournalError, JournalTooNew
from agentd.journal.inspection import JournalFacts, inspect
from agentd.journal.journal import FILE_NAME
from agentd.settings.paths import MAX_SOCKET_PATH, MODELS_NAME, Directory, prepare_directories

VOLATILE = ("tmpfs", "ramfs")
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs")

FEW_MB = 64
LARGE_LOG_MB = 64


class DirectoryFacts(Struct, frozen=True, kw_only=True):
    """A directory as it is found."""

    directory: Directory
    exists: bool = False
    owner: int = -1
    mode: int = 0
    filesystem: str = ""
    error: str = ""
    """Why nothing can be written to it."""


def judge_state(facts: DirectoryFacts, uid: int) -> Finding:
    """It is ours, can be written, and outlives a restart of the machine."""
    common = judge_directory(facts, uid)
    if common is not None:
        return common
    path = facts.directory.path
    if facts.filesystem in VOLATILE:
        return warning(
            f"'{path}' is on {facts.filesystem}: the journal is gone when the machine restarts",
            "state_dir under [paths] (AGENTD_STATE_DIR): a directory on a disk",
        )
    return _remote(facts) or ok(_shown(facts))


def judge_runtime(facts: DirectoryFacts, uid: int) -> Finding:
    """It is ours, can be written, and sockets can be in it."""
    common = judge_directory(facts, uid)
    if common is not None:
        return common
    size = len(os.fsencode(facts.directory.path / MODELS_NAME)) + 1
    if size > MAX_SOCKET_PATH:
        return failure(
            f"'{facts.directory.path}' is too long for a Unix socket ({size} bytes, the limit is "
            f"{MAX_SOCKET_PATH})",
            "a shorter runtime_dir under [paths] (AGENTD_RUNTIME_DIR)",
        )
    return _remote(facts) or ok(_shown(facts))


def judge_directory(facts: DirectoryFacts, uid: int) -> Finding | None:
    """What is wrong with either; None for nothing."""
    path, origin = facts.directory.path, facts.directory.origin
    setting = f"{facts.directory.setting} (AGENTD_{facts.directory.setting.upper()})"
    if not facts.exists and not facts.error:
        return warning(
            f"'{path}' ({origin}) is not there yet; the daemon makes it",
            "agentd doctor --fix, or leave it to the daemon",
        )
    if facts.error:
        return failure(
            f"'{path}' ({origin}) can't be written: {facts.error}",
            f"give a directory that this user can write: {setting}",
        )
    if uid not in (facts.owner, 0):
        return failure(
            f"'{path}' belongs to uid {facts.owner}, and this is uid {uid}",
            f"run as its owner, or chown {uid} {path}",
        )
    if facts.mode & (stat.S_IWGRP | stat.S_IWOTH):
        return failure(
            f"others can write to '{path}' (mode {facts.mode:04o})", f"chmod 0700 {path}"
        )
    return None


def _remote(facts: DirectoryFacts) -> Finding | None:
    if facts.filesystem not in REMOTE:
        return None
    return failure(
        f"'{facts.directory.path}' is on {facts.filesystem}: SQLite's locks and sockets do not "
        "work there as they should",
        f"{facts.directory.setting} under [paths]: a directory on a disk of this machine",
    )


def _shown(facts: DirectoryFacts) -> str:
    path, origin = facts.directory.path, facts.directory.origin
    return f"'{path}' ({origin}), mode {facts.mode:04o}, {facts.filesystem or 'unknown filesystem'}"


async def state_directory(patient: Patient) -> Finding:
    directory = patient.directories().state
    return judge_state(await in_thread(lambda: look_at(directory)), os.getuid())


async def runtime_directory(patient: Patient) -> Finding:
    directory = patient.directories().runtime
    return judge_runtime(await in_thread(lambda: look_at(directory)), os.getuid())


async def make_directories(patient: Patient) -> str:
    """The fix for both: make what is missing, close what is open to others."""
    directories = patient.directories()
    both = (directories.state.path, directories.runtime.path)
    missing = [path for path in both if not path.exists()]
    done = []
    try:
        prepare_directories(directories)
    except AgentdError as error:
        return f"could not be mended: {error}"
    done += [f"made '{path}' with mode 0700" for path in missing if path.exists()]
    for path in both:
        found = path.stat()
        if found.st_uid == os.getuid() and found.st_mode & 0o022:
            path.chmod(stat.S_IMODE(found.st_mode) & ~0o077)
            done.append(f"chmod 0700 '{path}'")
    return "; ".join(done)


def look_at(directory: Directory) -> DirectoryFacts:
    """Blocks for as long as its disk does."""
    path = directory.path
    if not path.exists():
        above = next(each for each in path.parents if each.exists())
        error = "" if os.access(above, os.W_OK) else f"'{above}' can't be written by this user"
        return DirectoryFacts(directory=directory, error=error)
    found = path.stat()
    error = "" if stat.S_ISDIR(found.st_mode) else "it is not a directory"
    return DirectoryFacts(
        directory=directory,
        exists=True,
        owner=found.st_uid,
        mode=stat.S_IMODE(found.st_mode),
        filesystem=filesystem_of(path, Path("/proc/self/mountinfo").read_text("utf-8", "replace")),
        error=error or _write_error(path),
    )


def _write_error(path: Path) -> str:
    try:
        with tempfile.NamedTemporaryFile(dir=path, prefix=".doctor-") as probe:
            probe.write(b"agentd" * 1000)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""


def filesystem_of(path: Path, mountinfo: str) -> str:
    """The kind of the filesystem that a path is on, by proc_pid_mountinfo(5). Pure."""
    best, kind = -1, ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        mounted = Path(fields[4].replace("\\040", " "))
        if path.is_relative_to(mounted) and len(mounted.parts) >= best:
            best, kind = len(mounted.parts), after.split()[0]
    return kind


# -- space ---------------------------------------------------------------------------


def judge_space(path: Path, free_mb: float, free_inodes: int | None, journal_mb: int) -> Finding:
    """The journal fits, with its log beside it."""
    text = f"{free_mb:.0f} MB free below '{path}'; journal_max_mb is {journal_mb}"
    if free_mb < FEW_MB:
        return failure(text, "make room: a full disk stops the journal, and calls can't be resumed")
    if free_inodes is not None and free_inodes < 100:
        return failure(f"{text}; only {free_inodes} files can still be made", "delete small files")
    if free_mb < journal_mb + FEW_MB:
        fits = max(1, int(free_mb - FEW_MB) // 2)
        return warning(text, f"make room, or journal_max_mb = {fits} under [journal]")
    return ok(text)


async def disk_space(patient: Patient) -> Finding:
    path = patient.directories().state.path
    journal_mb = (await patient.settings()).journal.journal_max_mb
    found = await in_thread(lambda: _space_below(path))
    free_mb = found.f_bavail * found.f_frsize / 2**20
    inodes = found.f_favail if found.f_files else None
    return judge_space(path, free_mb, inodes, journal_mb)


def _space_below(path: Path) -> os.statvfs_result:
    return os.statvfs(next(each for each in (path, *path.parents) if each.exists()))


# -- the journal ---------------------------------------------------------------------


def judge_journal(facts: JournalFacts, journal_mb: int) -> Finding:
    """Whole, of a version that this agentd knows, and closed to others."""
    text = (
        f"version {facts.version}, {facts.size_mb:.1f} MB, log {facts.log_mb:.1f} MB, "
        f"{facts.unfinished} unfinished jobs, quick_check: {facts.check}"
    )
    findings = []
    if facts.check != "ok":
        findings.append(_damaged(text))
    if facts.mode & 0o077:
        findings.append(
            warning(
                f"others can read '{facts.path}' (mode {facts.mode:04o}), which has tokens in it",
                f"chmod 0600 {facts.path}*",
            )
        )
    if facts.log_mb > max(LARGE_LOG_MB, journal_mb):
        findings.append(
            warning(
                f"{text}: the log is not written back",
                "does another program keep the file open? lsof; a restart writes it back",
            )
        )
    return gravest(findings) if findings else ok(text)


def _damaged(text: str) -> Finding:
    return failure(
        text,
        "nothing by hand: the daemon moves a damaged file aside at its start and saves what can "
        "be read; check the disk",
    )


async def journal(patient: Patient) -> Finding:
    path = patient.directories().state.path / FILE_NAME
    journal_mb = (await patient.settings()).journal.journal_max_mb
    try:
        facts = await in_thread(lambda: inspect(path) if path.exists() else None)
    except JournalTooNew as error:
        return failure(str(error), "run the newer agentd, or another state_dir")
    except JournalCorrupt as error:
        return _damaged(str(error))
    except JournalError as error:
        return failure(str(error), "run as the user that the daemon runs as")
    if facts is None:
        return skipped(f"there is no journal yet ('{path}')")
    return judge_journal(facts, journal_mb)
