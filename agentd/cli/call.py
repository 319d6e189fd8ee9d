"""`agentd call`: a scripted caller, to hear whether an agent answers."""

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

Exit codes: 0 the agent answered, 1 it did not, 2 usage, 4 a setting.
"""


ACCESS = ("url", "api_key", "api_secret")
"""The settings that have a flag here."""


@click.command(epilog=_EPILOG, params=[SettingOption(FIELDS[name]) for name in ACCESS])
@click.option("--agent", default="", help="Name of the agent; without one, it comes by itself.")
@click.option("--say", required=True, metavar="FILE", help="PCM16 WAV file to speak.")
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
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@config_option
@verbose_option
def call(  # noqa: PLR0913, PLR0917 - click gives each option as an argument
    agent: str,
    say: str,
    record: str | None,
    room: str,
    metadata: str,
    step_timeout: float,
    as_json: bool,
    config: str | None,
    verbose: bool,
    **flags: str | None,
) -> None:
    """Call an agent: speak a WAV file to it, record its answer, print a timeline."""
    # Imported here, since they load the media library, which no other command needs.
    from agentd.audio.wav import read_wav, write_wav
    from agentd.caller.call import place_call
    from agentd.caller.plan import CallPlan, random_room

    if not verbose:
        _hush()
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
    if as_json:
        sys.stdout.write(report_json(report) + "\n")
    else:
        _print_report(report, record)


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
