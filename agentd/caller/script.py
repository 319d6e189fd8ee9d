"""A caller's script: turns and what is expected of the agent. Data and its checks. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

KEYS = "0123456789*#ABCD"
"""Of a telephone, in the order of their codes (RFC 4733)."""

MAX_TURNS = 1000
MAX_REPEAT = 10_000

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")

ACTIONS = ("say", "wav", "text", "dtmf", "silence")
"""What a turn may do, one of them; one that does nothing waits for the agent's greeting."""

Value = str | int | float | bool


class ScriptFault(ValueError):
    """A mistake in a script, and where: `$.turns[2].say`."""

    def __init__(self, message: str, path: str = "$") -> None:
        super().__init__(message)
        self.path = path


class Expect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is expected of an answer; all of it must be so."""

    contains: str | list[str] = []
    """Words that the agent says, in any case of letters."""
    lacks: str | list[str] = []
    """Words that it does not say."""
    regex: str = ""
    """A regular expression that is found in what it says."""
    heard: str | list[str] = []
    """Words that it has understood of this turn."""
    within: float | None = None
    """Seconds from the end of the turn to the first sound of the answer, at most."""
    silent: float | None = None
    """Seconds in which the agent says nothing."""
    hang_up: bool = False
    """Whether the agent leaves the room."""


class Turn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the caller does, and what is then expected."""

    name: str = ""
    say: str = ""
    """Words, spoken by a voice on this machine."""
    wav: str = ""
    """A PCM16 WAV file, beside the script unless its path is absolute."""
    text: str = ""
    """A chat message."""
    dtmf: str = ""
    """Keys of a telephone."""
    silence: float | None = None
    """Seconds of saying nothing."""
    interrupt_after: float | None = None
    """Begin so many seconds after the agent's answer to the turn before has begun."""
    timeout: float | None = None
    """Seconds for the answer, in place of the script's."""
    expect: Expect | None = None


class Script(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One conversation."""

    turns: list[Turn]
    agent: str = ""
    metadata: str = ""
    voice: str = "piper"
    """The plugin that speaks `say`."""
    timeout: float = 20.0
    """Seconds for each step and each answer."""
    silence_after: float = 1.0
    """Seconds of silence after which an answer is over."""
    repeat: int = 1
    """Calls that each caller makes, one after the other."""
    variables: dict[str, Value] = {}


def make_script(document: Any, given: Mapping[str, str] | None = None) -> Script:
    """A script of a document as YAML or TOML have it, its variables filled in.

    `given` goes before the script's own variables. Raises ScriptFault.
    """
    try:
        script = msgspec.convert(document, type=Script)
    except msgspec.ValidationError as error:
        raise _fault(error) from error
    own = {name: str(value) for name, value in script.variables.items()}
    filled = _filled(msgspec.to_builtins(script), own | dict(given or {}), "$")
    script = msgspec.convert(filled, type=Script)
    _check(script)
    return script


def words(expected: str | list[str]) -> list[str]:
    """One or several, as a list."""
    return [expected] if isinstance(expected, str) else expected


def action_of(turn: Turn) -> str:
    """What a turn does; empty for nothing."""
    given = [name for name in ACTIONS if getattr(turn, name) not in {"", None}]
    return given[0] if given else ""


def shown(turn: Turn) -> str:
    """A turn in few words."""
    action = action_of(turn)
    match action:
        case "":
            return "(waits)"
        case "silence":
            return f"(silent for {turn.silence:g} s)"
        case "say":
            return turn.say
        case _:
            return f"[{action}] {getattr(turn, action)}"


def _fault(error: msgspec.ValidationError) -> ScriptFault:
    message, _, path = str(error).partition(" - at `")
    path = path.rstrip("`") or "$"
    if "unknown field" in message:
        kind = Expect if path.endswith(".expect") else Turn if ".turns[" in path else Script
        message += f" (there are {', '.join(kind.__struct_fields__)})"
    return ScriptFault(message, path)


def _filled(value: Any, variables: Mapping[str, str], path: str) -> Any:
    if isinstance(value, str):

        def put(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name not in variables:
                known = ", ".join(sorted(variables)) or "none"
                raise ScriptFault(f"there is no variable '{name}' (known: {known})", path)
            return variables[name]

        return _VARIABLE.sub(put, value)
    if isinstance(value, dict):
        return {
            key: item
            if path == "$" and key == "variables"
            else _filled(item, variables, f"{path}.{key}")
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_filled(item, variables, f"{path}[{index}]") for index, item in enumerate(value)]
    return value


def _check(script: Script) -> None:
    _within(script.timeout, 0.1, 3600.0, "$.timeout")
    _within(script.silence_after, 0.1, 60.0, "$.silence_after")
    _within(script.repeat, 1, MAX_REPEAT, "$.repeat")
    _within(len(script.turns), 1, MAX_TURNS, "$.turns", "turns")
    for index, turn in enumerate(script.turns):
        _check_turn(turn, f"$.turns[{index}]")
    if script.turns[0].interrupt_after is not None:
        raise ScriptFault("the first turn has no answer to interrupt", "$.turns[0].interrupt_after")


def _check_turn(turn: Turn, path: str) -> None:
    given = [name for name in ACTIONS if getattr(turn, name) not in {"", None}]
    if len(given) > 1:
        raise ScriptFault(f"a turn does one thing, but this has {' and '.join(given)}", path)
    if not given and turn.expect is None:
        raise ScriptFault(f"a turn needs one of {', '.join(ACTIONS)}, or expect", path)
    if not given and turn.interrupt_after is not None:
        raise ScriptFault("an interruption needs something to say", f"{path}.interrupt_after")
    if not set(turn.dtmf) <= set(KEYS):
        raise ScriptFault(f"keys are {KEYS}, but not '{turn.dtmf}'", f"{path}.dtmf")
    for name in ("silence", "interrupt_after", "timeout"):
        _within(getattr(turn, name), 0.0, 3600.0, f"{path}.{name}")
    if turn.expect is not None:
        _check_expect(turn.expect, f"{path}.expect")


def _check_expect(expect: Expect, path: str) -> None:
    _within(expect.within, 0.0, 3600.0, f"{path}.within")
    _within(expect.silent, 0.1, 3600.0, f"{path}.silent")
    said = [name for name in ("contains", "regex", "within", "heard") if getattr(expect, name)]
    if expect.silent is not None and said:
        raise ScriptFault(f"an agent that is silent can't have {' and '.join(said)}", path)
    if expect == Expect():
        raise ScriptFault("nothing is expected: leave it out, or say what", path)
    try:
        re.compile(expect.regex)
    except re.error as error:
        raise ScriptFault(
            f"'{expect.regex}' is no regular expression: {error}", f"{path}.regex"
        ) from error


def _within(
    value: float | None, least: float, most: float, path: str, what: str = "a value"
) -> None:
    if value is not None and not least <= value <= most:
        raise ScriptFault(f"{what} from {least:g} to {most:g} is possible, but not {value:g}", path)
