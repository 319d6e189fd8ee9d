"""`agentd call`: a caller, to hear whether an agent answers, and whether as expected."""

from __future__ import annotations

import asyncio
import logging
import sys
import warnings
from typing import TYPE_CHECKING

import click
import msgspec
from rich.table import Table

from agentd.caller.timeline import MEANINGS
from agentd.settings.access import keep_secret, require_access
from agentd.settings.fields import FIELDS
from agentd.settings.layers import resolve
from agentd.settings.load import load_layers

from .console import output_console
from .options import SettingOption, config_option, given_flags, verbose_option

if TYPE_CHECKING:
    from agentd.caller.plan import CallReport
    from agentd.caller.timeline import Latencies
    from agentd.settings.model import LiveKitSettings

_EPILOG = """\
\b
Examples:
  agentd call --agent parrot --say hello.wav --record answer.wav
  agentd call --say hello.wav --json      (an agent without a name)
  agentd call --script talk.yaml
  agentd call --script talk.yaml --callers 20 --ramp 5 --json r.json --html r.html

A script has turns (words, WAV files, keys, chat, silence) and what is expected of the
agent after each: docs/console.md has the form.

Exit codes: 0 the agent answered (with --script: all was as expected), 1 it did not,
2 usage, 4 a setting or a mistake in the script, 8 a report that can't be written.
"""


ACCESS = ("url", "api_key", "api_secret")
"""The settings that have a flag here."""


@click.command(epilog=_EPILOG, params=[SettingOption(FIELDS[name]) for name in ACCESS])
@click.option("--agent", default="", help="Name of the agent; without one, it comes by itself.")
@click.option("--say", metavar="FILE", help="PCM16 WAV file to speak.")
@click.option("--script", metavar="FILE", help="YAML or TOML file of turns and expectations.")
@click.option(
    "--var", "given", multiple=True, metavar="NAME=VALUE", help="For ${NAME} in a script."
)
@click.option(
    "--callers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Callers at once, with --script, each in a room of its own.",
)
@click.option(
    "--ramp", default=0.0, type=click.FloatRange(0.0), help="Seconds over which they come."
)
@click.option(
    "--repeat", type=click.IntRange(min=1), help="Calls by each, in place of the script's."
)
@click.option("--html", default="", metavar="FILE", help="Write a page, with --script.")
@click.option("--record", metavar="FILE", help="WAV file for what the agent says.")
@click.option("--room", default="", help="Room to call in; a new one unless given.")
@click.option("--metadata", default="", help="Metadata of the dispatch, for the agent's job.")
@click.option(
    "--timeout",
    "step_timeout",
    default=20.0,
    show_default=True,
    type=click.FloatRange(min=0.1),
    help="Seconds for each step: joining, the agent's coming, its listening, its reply.",
)
@click.option(
    "--json",
    "json_to",
    is_flag=False,
    flag_value="-",
    default="",
    metavar="[FILE]",
    help="Write JSON, to a file if one is named (with --script).",
)
@config_option
@verbose_option
def call(  # noqa: PLR0913, PLR0917 - click gives each option as an argument
    agent: str,
    say: str | None,
    script: str | None,
    given: tuple[str, ...],
    callers: int,
    ramp: float,
    repeat: int | None,
    html: str,
    record: str | None,
    room: str,
    metadata: str,
    step_timeout: float,
    json_to: str,
    config: str | None,
    verbose: bool,
    **flags: str | None,
) -> int:
    """Call an agent: speak a WAV file to it and record its answer, or talk by a script."""
    if (say is None) == (script is None):
        raise click.UsageError("give what to say: --say FILE, or --script FILE")
    if not verbose:
        _hush()
    if script is not None:
        if record is not None:
            raise click.UsageError("--record goes with --say")
        return _by_script(
            script,
            given,
            (callers, ramp, repeat),
            (json_to, html),
            _livekit(flags, config),
            (agent, room, metadata),
        )
    if callers != 1 or ramp or repeat or html or given or json_to not in {"", "-"}:
        raise click.UsageError("--callers, --ramp, --repeat, --html, --var go with --script")
    assert say is not None
    # Imported here, since they load the media library, which no other command needs.
    from agentd.audio.wav import read_wav, write_wav
    from agentd.caller.call import place_call
    from agentd.caller.plan import CallPlan, random_room

    livekit = _livekit(flags, config)
    plan = CallPlan(
        url=livekit.url,
        api_key=livekit.api_key,
        api_secret=livekit.api_secret,
        speech=read_wav(say),
        agent_name=agent,
        room=room or random_room(),
        metadata=metadata,
        timeout=step_timeout,
    )
    report = asyncio.run(place_call(plan))
    if record is not None:
        write_wav(record, report.recording)
    if json_to:
        sys.stdout.write(report_json(report) + "\n")
    else:
        _print_report(report, record)
    return 0


def _by_script(
    script: str,
    given: tuple[str, ...],
    crowd: tuple[int, float, int | None],
    reports: tuple[str, str],
    livekit: LiveKitSettings,
    called: tuple[str, str, str],
) -> int:
    # Late, for the same reason.
    from agentd.caller.many import Crowd
    from agentd.caller.plan import Access, random_room

    from .call_script import ScriptRun, run_script, variables

    callers, ramp, repeat = crowd
    agent, room, metadata = called
    access = Access(
        url=livekit.url,
        api_key=livekit.api_key,
        api_secret=livekit.api_secret,
        agent_name=agent,
        room=room or random_room(),
        metadata=metadata,
    )
    run = ScriptRun(
        script=script,
        variables=variables(given),
        crowd=Crowd(callers=callers, ramp=ramp),
        repeat=repeat,
        json=reports[0],
        html=reports[1],
    )
    return run_script(access, run)


def _hush() -> None:
    """Keep the SDK's own words off the terminal: what went wrong is said once, by our error.

    They are warnings about a development server's short secret, and the native library's log,
    which has tokens in it.
    """
    logging.getLogger("livekit").addHandler(logging.NullHandler())
    warnings.filterwarnings("ignore", message="The HMAC key is", module="jwt")


def _livekit(flags: dict[str, str | None], config: str | None) -> LiveKitSettings:
    resolved = resolve(load_layers(given_flags(flags), config=config))
    require_access(resolved)
    keep_secret(resolved)
    return resolved.settings.livekit


def report_json(report: CallReport) -> str:
    """A report as one line of JSON, without the audio."""
    data = {
        "room": report.room,
        "agent": report.agent_identity,
        "answer_ended": report.answer_ended,
        "recording_seconds": round(report.recording.duration, 2),
        "latencies_ms": report.latencies,
        "timeline": report.moments,
    }
    return msgspec.json.encode(data).decode()


def timeline_table(report: CallReport) -> Table:
    """A report as a table for people."""
    table = Table(title=f"call to {report.agent_identity} in room {report.room}")
    table.add_column("step")
    table.add_column("ms", justify="right")
    table.add_column("+ ms", justify="right")
    table.add_column("what happened")
    for moment in report.moments:
        meaning = MEANINGS[moment.step]
        table.add_row(moment.step, f"{moment.at_ms:.0f}", f"{moment.delta_ms:.0f}", meaning)
    return table


def latency_lines(latencies: Latencies) -> list[str]:
    """The latencies in words."""
    lines = []
    if latencies.dispatch_to_joined is not None:
        lines.append(f"the agent joined {latencies.dispatch_to_joined:.0f} ms after the dispatch")
    reply = latencies.speech_end_to_answer
    if reply is not None and reply >= 0:
        lines.append(f"it answered {reply:.0f} ms after the caller had spoken")
    elif reply is not None:
        lines.append(f"it answered {-reply:.0f} ms before the caller had ended, in a pause")
    return lines


def _print_report(report: CallReport, record: str | None) -> None:
    console = output_console()
    console.print(timeline_table(report))
    for line in latency_lines(report.latencies):
        console.print(line)
    if not report.answer_ended:
        console.print("the answer had not ended when the call was left")
    if record is not None:
        seconds = report.recording.duration
        console.print(f"recorded {seconds:.1f} s to {record}", soft_wrap=True, markup=False)
