"""Plans of plausible conversations, made at random from a seed.

Not built of Hypothesis's own strategies: those like what is small and alike, and most of their
conversations were over before anybody had been interrupted. Each part has a source of its own, so
that a plan with fewer parts still has the others as they were; so a failing one is made smaller.
"""

from __future__ import annotations

from random import Random

from agentd.voice.turns.options import (
    EndpointingRules,
    InterruptionRules,
    PreemptiveRules,
    TurnRules,
    UserTurnLimit,
)
from agentd.voice.turns.setup import TurnSetup

from .turn_world import Answer, Happening, Plan, Prediction, Utterance

TEXTS = ["hello", "book a table", "uh-huh", "okay", "no", "stop it please", "for two", "", "."]
HAPPENINGS = [
    "mute", "unmute", "leave", "come", "commit", "note", "clear", "active", "tools", "no tools",
    "handoff", "rules", "interrupt", "protect", "open",
]  # fmt: skip


def make_plan(seed: int, *, utterances: int, says: int, happenings: int) -> Plan:
    """A conversation with so many parts."""

    def source(part: str, number: int = 0) -> Random:
        return Random(f"{seed} {part} {number}")

    return Plan(
        rules=make_rules(source("rules")),
        setup=make_setup(source("setup")),
        later_rules=make_rules(source("rules", 1)),
        later_setup=make_setup(source("setup", 1)),
        utterances=[make_utterance(source("utterance", number)) for number in range(utterances)],
        answers=[make_answer(source("answer", number)) for number in range(4)],
        predictions=[make_prediction(source("prediction", number)) for number in range(4)],
        says=[
            (tenths(source("say at", number), 0, 120), make_answer(source("say", number)))
            for number in range(says)
        ],
        happenings=[make_happening(source("happening", number)) for number in range(happenings)],
    )


def tenths(random: Random, least: int, most: int) -> float:
    """Seconds to the tenth, so that things often happen at the same instant."""
    return random.randint(least, most) / 10


def make_rules(random: Random) -> TurnRules:
    """Rules of any kind; the usual ones the most often."""
    choose = random.choice
    return TurnRules(
        endpointing=EndpointingRules(
            mode=choose(["fixed", "fixed", "dynamic"]),
            min_delay=tenths(random, 0, 8),
            max_delay=tenths(random, 8, 30),
            alpha=choose([0.0, 0.5, 0.9]),
        ),
        interruption=InterruptionRules(
            enabled=random.random() < 0.9,
            discard_audio_if_uninterruptible=random.random() < 0.5,
            min_duration=tenths(random, 0, 10),
            min_words=choose([0, 0, 0, 1, 2]),
            resume_false_interruption=random.random() < 0.8,
            false_interruption_timeout=choose([None, 0.0, 0.5, 2.0, 2.0, 2.0]),
            end_boundary=choose([0.0, 1.0]),
        ),
        preemptive_generation=PreemptiveRules(
            enabled=random.random() < 0.7, max_retries=random.randint(0, 3)
        ),
        user_turn_limit=UserTurnLimit(
            max_words=choose([None, None, None, 1, 4]),
            max_duration=choose([None, None, None, 2.0, 5.0]),
        ),
        user_away_timeout=choose([None, 0.5, 15.0]),
        aec_warmup_duration=choose([None, None, None, 3.0]),
        transcription_timeout=choose([None, 0.0, 1.0]),
        transcript_wait=choose([0.0, 0.5, 2.0]),
    )


def make_setup(random: Random) -> TurnSetup:
    """Models of any kind, as far as they go together."""
    mode = random.choice(["vad", "vad", "vad", "vad", "stt", "stt", "manual", "realtime_llm"])
    return TurnSetup(
        mode=mode,  # type: ignore[arg-type]
        has_vad=mode == "vad" or random.random() < 0.5,
        has_stt=mode == "stt" or random.random() < 0.85,
        interim_results=random.random() < 0.7,
        detector=random.choice([None, None, "audio", "text"]),
        can_pause=random.random() < 0.8,
    )


def make_utterance(random: Random) -> Utterance:
    """One stretch of speech; its text mostly comes soon."""
    final_after = random.choice([tenths(random, -5, 5)] * 4 + [tenths(random, 5, 25), None])
    return Utterance(
        gap=tenths(random, 4, 30),
        length=tenths(random, 2, 25),
        text=random.choice(TEXTS),
        final_after=final_after,
        interim=random.random() < 0.5,
        seen_by_vad=random.random() < 0.9,
        stt_marks=random.random() < 0.9,
    )


def make_answer(random: Random) -> Answer:
    """A reply, sooner or later, or none."""
    return Answer(
        hook=random.choice([0.0, tenths(random, 0, 30)]),
        think=tenths(random, 0, 15),
        length=tenths(random, 1, 60),
        interruptible=random.choice([None, None, None, True, False]),
        silent=random.random() < 0.15,
        leaks=random.random() < 0.3,
    )


def make_prediction(random: Random) -> Prediction:
    """An answer of the end-of-turn model, an error, or nothing."""
    soon, late = tenths(random, 0, 8), tenths(random, 8, 40)
    return Prediction(
        delay=random.choice([None, soon, soon, late]),
        probability=random.choice([None, 0.1, 0.9, 0.9]),
    )


def make_happening(random: Random) -> Happening:
    """Something else at some time."""
    return Happening(at=tenths(random, 0, 150), what=random.choice(HAPPENINGS))
