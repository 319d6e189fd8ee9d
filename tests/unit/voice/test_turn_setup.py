"""Which way of telling turns is chosen, and what is said where the wish can't be met."""

from __future__ import annotations

import re

import pytest
from msgspec import Struct

from agentd.voice.turns.options import DetectorKind, TurnDetectionMode, TurnMode
from agentd.voice.turns.setup import Equipment, choose_turn_setup

ALL = Equipment(has_vad=True, has_stt=True)
NOTHING = Equipment()


class Detector(Struct, frozen=True):
    """An end-of-turn model, for those who only ask what it needs."""

    needs: DetectorKind


@pytest.mark.parametrize(
    ("has", "mode"),
    [
        (Equipment(has_vad=True, has_stt=True, model_takes_turns=True), "realtime_llm"),
        (ALL, "vad"),
        (Equipment(has_stt=True), "stt"),
        (Equipment(has_stt=True, stt_streams=False), "manual"),
        (NOTHING, "manual"),
    ],
)
def test_the_best_there_is_is_chosen(has: Equipment, mode: TurnMode) -> None:
    """In order: the realtime model's own, VAD, STT, by hand."""
    chosen = choose_turn_setup(None, has)

    assert chosen.setup.mode == mode
    assert chosen.warnings == ()


@pytest.mark.parametrize("wanted", ["vad", "stt", "manual"])
def test_a_mode_that_is_possible_is_taken(wanted: TurnMode) -> None:
    """The user's word counts."""
    assert choose_turn_setup(wanted, ALL).setup.mode == wanted


@pytest.mark.parametrize(
    ("wanted", "has", "told"),
    [
        ("vad", Equipment(has_stt=True), "by vad is not possible: there is no VAD; it is by stt"),
        ("stt", Equipment(has_vad=True), "no STT that streams; it is by vad"),
        ("realtime_llm", ALL, "no realtime model detects turns; it is by vad"),
        (Detector("audio"), Equipment(has_stt=True), "for audio .* it needs a VAD; it is by stt"),
        (Detector("text"), Equipment(has_vad=True), "it needs an STT; it is by vad"),
        (Detector("text"), Equipment(model_takes_turns=True), "detects turns itself"),
    ],
)
def test_what_is_not_possible_is_dropped_with_a_warning(
    wanted: TurnDetectionMode, has: Equipment, told: str
) -> None:
    """The session goes on by what there is."""
    chosen = choose_turn_setup(wanted, has)

    assert chosen.setup.detector is None
    assert len(chosen.warnings) == 1
    assert re.search(told, chosen.warnings[0])


@pytest.mark.parametrize(("kind", "mode"), [("audio", "vad"), ("text", "vad")])
def test_a_detector_judges_on_top_of_the_best_mode(kind: DetectorKind, mode: TurnMode) -> None:
    """It says whether the user has finished, the VAD when there is silence."""
    chosen = choose_turn_setup(Detector(kind), ALL)

    assert (chosen.setup.mode, chosen.setup.detector) == (mode, kind)


def test_an_stt_behind_an_adapter_has_no_interim_results() -> None:
    """Whatever its model could do by itself."""
    has = Equipment(has_vad=True, has_stt=True, stt_streams=False, interim_results=True)

    assert not choose_turn_setup(None, has).setup.interim_results
