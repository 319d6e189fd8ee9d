"""Tests of agentd.room.options and the former two-part options."""

from __future__ import annotations

import pytest

from agentd import RoomInputOptions, RoomOutputOptions, room_io
from agentd.room.deprecated import room_options


def test_two_parts_of_defaults_are_the_defaults() -> None:
    """Whichever way they are said."""
    former, now = room_options(None, RoomOutputOptions()), room_io.RoomOptions()

    assert former.audio_input == room_io.AudioInputOptions()
    assert (former.video_input, former.close_on_disconnect) == (
        now.video_input,
        now.close_on_disconnect,
    )
    assert former.participant_kinds == now.participant_kinds


def test_each_part_is_told_in_the_new_way() -> None:
    """What is switched off is off, and numbers reach their place."""
    taken = RoomInputOptions(
        text_enabled=False, video_enabled=True, audio_sample_rate=16000, participant_identity="bob"
    )
    given = RoomOutputOptions(transcription_enabled=False, audio_track_name="voice")

    options = room_options(taken, given)

    assert isinstance(options.audio_input, room_io.AudioInputOptions)
    assert isinstance(options.audio_output, room_io.AudioOutputOptions)
    assert options.audio_input.sample_rate == 16000
    assert options.audio_output.track_name == "voice"
    assert (options.text_input, options.text_output, options.video_input) == (False, False, True)
    assert options.participant_identity == "bob"


def test_audio_that_is_switched_off_is_off() -> None:
    """On both sides."""
    options = room_options(
        RoomInputOptions(audio_enabled=False), RoomOutputOptions(audio_enabled=False)
    )

    assert (options.audio_input, options.audio_output) == (False, False)


def test_no_pictures_a_second_is_refused() -> None:
    """Where the agent is to be seen."""
    with pytest.raises(ValueError, match="fps must be over 0"):
        room_io.VideoOutputOptions(draw=lambda _: None, fps=0)
