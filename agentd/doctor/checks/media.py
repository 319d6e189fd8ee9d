"""The way of sound: two participants of the doctor's own hear each other, by UDP and by TCP."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from livekit import api

from agentd.doctor.facts import MediaFacts, MediaQuestion
from agentd.doctor.finding import Finding, Unexaminable, failure, gravest, ok, skipped, warning
from agentd.doctor.patient import Patient
from agentd.doctor.rooms import probe_name, probe_room, probe_token
from agentd.doctor.spawned import ask_probe
from agentd.doctor.turn import ask_turn, parse_turn, told_servers
from agentd.errors import LiveKitError

STEP_SECONDS = 3.5
"""For joining and seeing each other's track, and again for hearing each other."""

LOSS_WARNING = 0.02
LOSS_FAILURE = 0.2
ROUND_TRIP_WARNING = 250.0
"""ms to the server and back: a reply comes so much later."""

LATENCY_WARNING = 500.0
"""ms from one participant's mouth to the other's ear."""


def judge_udp(facts: MediaFacts) -> Finding:
    """Sound goes by UDP, soon and whole."""
    if facts.error:
        return failure(
            f"no sound between two participants: {facts.error}",
            "open the server's UDP ports (rtc.udp_port or rtc.port_range) and rtc.tcp_port for "
            "this host; its node_ip must be an address that this host reaches",
        )
    text = shown_route(facts)
    route = facts.route
    if route is None:
        return warning(f"{text}, by a way that WebRTC does not tell", "run it again")
    findings = [judge_loss(facts, text)]
    if route.protocol != "udp":
        findings.append(
            warning(
                f"{text}: UDP does not pass, so that each lost packet holds up those behind it",
                "open the server's UDP ports (rtc.udp_port or rtc.port_range) for this host",
            )
        )
    return gravest(findings)


def judge_tcp(facts: MediaFacts) -> Finding:
    """Sound goes by TCP where UDP does not pass: callers behind strict firewalls need it."""
    if facts.error.startswith("UDP can't be turned off"):
        return skipped(facts.error)
    if facts.error:
        return warning(
            f"without UDP there is no sound: {facts.error}",
            "set rtc.tcp_port (7881) in the server's configuration and open it, or configure TURN",
        )
    return judge_loss(facts, shown_route(facts))


def judge_loss(facts: MediaFacts, text: str) -> Finding:
    """Figures of a way that works."""
    lost, received = sum(each.lost for each in facts.heard), sum(h.received for h in facts.heard)
    share = lost / max(1, lost + received)
    slowest = max((each.latency_ms for each in facts.heard), default=0.0)
    round_trip = 0.0 if facts.route is None else facts.route.round_trip_ms
    remedy = "look at the network between this host and the server: mtr, and its firewall's load"
    if share > LOSS_FAILURE:
        return failure(f"{text}: speech can't be understood", remedy)
    if share > LOSS_WARNING or round_trip > ROUND_TRIP_WARNING or slowest > LATENCY_WARNING:
        return warning(f"{text}: callers will hear it", remedy)
    return ok(text)


def shown_route(facts: MediaFacts) -> str:
    """Figures in words."""
    lost, received = sum(each.lost for each in facts.heard), sum(h.received for h in facts.heard)
    heard = "/".join(f"{each.latency_ms:.0f}" for each in facts.heard)
    text = (
        f"joined in {facts.joined_seconds * 1000:.0f} ms, heard after {heard} ms, "
        f"{lost} of {lost + received} packets lost"
    )
    if facts.route is None:
        return text
    relayed = ", relayed by TURN" if facts.route.relayed else ""
    return (
        f"{facts.route.protocol} {facts.route.local} to {facts.route.remote} "
        f"({facts.route.kind}){relayed}, "
        f"round trip {facts.route.round_trip_ms:.1f} ms, {text}"
    )


async def by_udp(patient: Patient) -> Finding:
    return judge_udp(await meeting(patient, tcp_only=False))


async def by_tcp(patient: Patient) -> Finding:
    return judge_tcp(await meeting(patient, tcp_only=True))


async def meeting(patient: Patient, *, tcp_only: bool) -> MediaFacts:
    """Two participants in a room of their own; raises Unexaminable where there is no room."""
    livekit = await patient.livekit()
    environ = patient.probe_environment()
    if tcp_only:
        environ["RES_OPTIONS"] = "use-vc"  # the resolver, too, has to do without UDP
    name = probe_name("media")
    try:
        async with probe_room(livekit, name):
            tokens = (probe_token(livekit, name, "one"), probe_token(livekit, name, "two"))
            question = MediaQuestion(
                url=livekit.url, tokens=tokens, tcp_only=tcp_only, timeout=STEP_SECONDS
            )
            facts, _ = await ask_probe("media", question, MediaFacts, environ)
    except (api.TwirpError, LiveKitError):
        raise Unexaminable("no room could be made: see the check 'api-key'") from None
    return facts


# -- TURN ----------------------------------------------------------------------------


def judge_turn(answers: Mapping[str, str]) -> Finding:
    """Each TURN server that participants are told of answers. By address, why not (or empty)."""
    if not answers:
        return skipped(
            "the server tells participants of no TURN server; callers whose firewall lets neither "
            "UDP nor the server's TCP port pass can't call"
        )
    wrong = [f"{address}: {why}" for address, why in answers.items() if why]
    if wrong:
        return warning(
            "; ".join(wrong),
            "check turn (or rtc.turn_servers) in the server's configuration, and its firewall",
        )
    return ok(f"answer: {', '.join(answers)}")


async def turn(patient: Patient) -> Finding:
    livekit = await patient.livekit()
    name = probe_name("turn")
    try:
        async with probe_room(livekit, name):
            urls = await told_servers(livekit, probe_token(livekit, name, "one"))
    except (api.TwirpError, LiveKitError):
        raise Unexaminable("no room could be made or joined: see the check 'api-key'") from None
    addresses = [found for each in urls if (found := parse_turn(each)) is not None]
    answers = await asyncio.gather(*(ask_turn(each) for each in addresses))
    return judge_turn({str(each): why for each, why in zip(addresses, answers, strict=True)})
