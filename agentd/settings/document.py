"""Writes docs/configuration.md from the model: `python -m agentd.settings.document`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from .fields import SECTIONS, Field, Section
from .model import DEV_DEFAULTS
from .shown import shown_value

_HEAD = """\
# Configuration

<!-- Made from agentd/settings/model.py by `python -m agentd.settings.document`. -->

Every setting can be given in five places, keys in a sixth. The first that has a value wins:

1. **a flag**: `--max-jobs 20`;
2. **the environment**: `AGENTD_MAX_JOBS=20`; a few have LiveKit's own name too, such as
   `LIVEKIT_URL`, over which the `AGENTD_` name wins. An empty variable counts as not set;
3. **a file with a key**: the one that `LIVEKIT_API_SECRET_FILE` (or `LIVEKIT_API_KEY_FILE`) names,
   or `LIVEKIT_API_SECRET`, in capitals or not, in the directory of systemd's credentials
   (`LoadCredential=livekit_api_secret:/etc/agentd/livekit_api_secret`); for `http_token` it is
   `AGENTD_HTTP_TOKEN_FILE` and `agentd_http_token`;
4. **`agentd.toml`** in the working directory, or the file named by `--config` or `AGENTD_CONFIG`;
5. **the app**: `AgentServer(max_jobs=20)`;
6. **the default**; `agentd dev` has a few defaults of its own.

One exception, kept from livekit-agents, is the agent's name: `LIVEKIT_AGENT_NAME_OVERRIDE` beats
everything, and `LIVEKIT_AGENT_NAME` counts only when neither a flag, `AGENTD_AGENT_NAME`,
`agentd.toml` nor the app names it.

`agentd config APP` prints each value and where it came from, secrets masked. A wrong name or value
is an error that says where it stands. Durations are in seconds.

```toml
# agentd.toml
[livekit]
url = "ws://localhost:7880"

[pool]
max_jobs = 20

[log]
log_level = "DEBUG"
```

Prefer `LIVEKIT_API_SECRET`, or better a file, over `--api-secret`: other users of the machine can
see flags. [Operations](operations.md#secrets) tells what is done about secrets.
"""

_FOOT = """\
## Variables that are not settings

| variable | meaning |
|---|---|
| `AGENTD_CONFIG` | The configuration file, as with `--config`. |
| `LIVEKIT_API_KEY_FILE`, `LIVEKIT_API_SECRET_FILE` | A file that holds the key, or its secret. |
| `AGENTD_HTTP_TOKEN_FILE` | A file that holds `http_token`. |
| `NAME_FILE` | The same for every key that a plugin reads from the variable `NAME`. |
| `CREDENTIALS_DIRECTORY` | Set by systemd; a file in it has the name, or that in lower case. |
| `AGENTD_MODELS_DIR` | Where files of local models are; else `agentd/models` in the cache folder. |
| `STATE_DIRECTORY` | Set by systemd; used when `state_dir` is not set. |
| `XDG_STATE_HOME` | Used when systemd set none; without it `~/.local/state/agentd`. |
| `RUNTIME_DIRECTORY` | Set by systemd; used when `runtime_dir` is not set. |
| `NOTIFY_SOCKET`, `WATCHDOG_USEC` | Set by systemd: where it is told how we are, how often. |
| `LISTEN_PID`, `LISTEN_FDS` | Set by systemd: the HTTP port that it has opened for us. |
| `JOURNAL_STREAM` | Set by systemd: by it we know that our output is the journal. |
| `XDG_RUNTIME_DIR` | Used when systemd set none; without it `/tmp/agentd-<uid>`. |
| `NO_COLOR`, `FORCE_COLOR` | Never, or always, colour the log of `dev`. |

## What the children get

The app's processes get the daemon's environment with `LIVEKIT_URL`, `LIVEKIT_API_KEY` and
`LIVEKIT_API_SECRET` as resolved here, `LIVEKIT_DEV_MODE=1` in `dev`, and, unless they are set
already, `PYTHONUNBUFFERED=1` and one thread each for OpenBLAS, OpenMP, MKL, NumExpr and vecLib:
threads that an import starts keep the template from forking.

In `dev` a runtime directory that nobody set is `dev-<pid>` in the one above, so that a run never
meets a service of the same user.

## The log

Lines go to standard output, in `start` as JSON objects, in `dev` for people; standard error has
only what ends the command. Where standard output is systemd's journal, each record goes there field
by field instead (docs/operations.md, "systemd"). A JSON line has `time` (RFC 3339, UTC), `level`,
`name`, `message`, `pid`, `where`, `exc_info` after an error, and every field of the record. What a
job prints is a line of the logger `agentd.output`, whatever the level. `TRACE` lets noisy libraries
speak too.
"""


def document() -> str:
    """The text of docs/configuration.md."""
    return "\n".join([_HEAD, *(_section(section) for section in SECTIONS), _FOOT])


def _section(section: Section) -> str:
    lines = [
        f"## [{section.name}]",
        "",
        section.description,
        "",
        "| name | flag | environment | value | default | meaning |",
        "|---|---|---|---|---|---|",
    ]
    lines.extend(_rows(section))
    return "\n".join([*lines, ""])


def _rows(section: Section) -> Iterator[str]:
    for field in section.fields:
        variables = [field.variable, *filter(None, [field.livekit_variable])]
        cells = [
            f"`{field.name}`",
            f"`{field.flag}`",
            ", ".join(f"`{variable}`" for variable in variables),
            field.allowed,
            _default(field),
            field.description,
        ]
        yield f"| {' | '.join(cells)} |"


def _default(field: Field) -> str:
    if not field.shown_default:
        return ""
    text = f"`{field.shown_default}`"
    if field.name not in DEV_DEFAULTS:
        return text
    return f"{text}; in dev `{shown_value(field.name, DEV_DEFAULTS[field.name])}`"


if __name__ == "__main__":
    sys.stdout.write(document())
