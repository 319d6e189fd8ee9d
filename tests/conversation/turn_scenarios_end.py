"""When a turn is over: by VAD, STT, end-of-turn model; awkward orders of sound and text."""

from __future__ import annotations

from agentd.voice.turns.options import EndpointingRules

from .turn_rules import (
    AUDIO_DELAYS,
    AUDIO_MODEL,
    PLAIN,
    STT_ONLY,
    STT_WITH_VAD,
    TEXT_MODEL,
    TEXT_MODEL_NO_VAD,
    VAD_ONLY,
    rules,
)
from .turn_script import Scenario

SCENARIOS = [
    Scenario(
        name="final before the VAD's end",
        promise="A final transcript that comes while the voice is still there waits for silence.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.8 > final hello there
              said "hello there"
        2.5 > silence from 2
              user listening
              commit 1 "hello there" from 1 to 2 text 1.8
        """,
    ),
    Scenario(
        name="final between end of speech and delay",
        promise="The delay counts from the last sound, not from the text.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        2.3 > final hello
              said "hello"
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "hello" from 1 to 2 text 2.3
        """,
    ),
    Scenario(
        name="final after the delay",
        promise="Text that comes late is taken at once: the silence has been long enough.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        2.5 > silence from 2
              user listening
        3.4 > final hello
              said "hello"
              commit 1 "hello" from 1 to 2 text 3.4
        """,
    ),
    Scenario(
        name="two finals in a turn",
        promise="Finals are joined; the second does not move the delay.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.6 > final I want
              said "I want"
        2.5 > silence from 2.2
              user listening
              timer endpointing 2.7
        2.6 > final (en, 0.5, anna) two tickets
              said "two tickets" en anna
        2.7 ! endpointing
              commit 1 "I want two tickets" from 1 to 2.2 text 2.6, en, confidence 0.5
        """,
    ),
    Scenario(
        name="confidence and language",
        promise="A commit tells the mean confidence and the last language.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.6 > final (en, 0.5, anna) I want
              said "I want" en anna
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.3 > final (fr, 1, anna) deux billets
              said "deux billets" fr anna
        2.5 ! endpointing
              commit 1 "I want deux billets" from 1 to 2 text 2.3, fr, confidence 0.75
        """,
    ),
    Scenario(
        name="speech during the delay",
        promise="Who speaks again before the delay is over has not finished.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        2.3 > final book a table
              said "book a table"
              timer endpointing 2.5
        2.4 > voice from 2.35
              user speaking
              timer endpointing off
        3.2 > silence from 3
              user listening
              timer endpointing 3.5
        3.3 > final for two
              said "for two"
        3.5 ! endpointing
              commit 1 "book a table for two" from 1 to 3 text 3.3
        """,
    ),
    Scenario(
        name="speech after the commit",
        promise="What comes after the commit is another turn, which takes the place of the first.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        2.3 > final book a table
              said "book a table"
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "book a table" from 1 to 2 text 2.3
        2.7 > voice from 2.6
              user speaking
        3.2 > silence from 3
              user listening
        3.3 > final for two
              said "for two"
              timer endpointing 3.5
        3.5 ! endpointing
              drop 1: superseded
              commit 2 "for two" from 2.6 to 3 text 3.3
        """,
    ),
    Scenario(
        name="final after the commit",
        promise="A final that nobody waited for is a turn of its own.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        2.5 > silence from 2
              user listening
        2.5 > final book a table
              said "book a table"
              commit 1 "book a table" from 1 to 2 text 2.5
          3 > final for two
              said "for two"
              timer endpointing 3.5
        3.5 ! endpointing
              drop 1: superseded
              commit 2 "for two" from 3 to 3 text 3
        """,
    ),
    Scenario(
        name="no text",
        promise="A noise without text is no turn, and leaves no timer.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        2.5 > silence from 2
              user listening
        """,
    ),
    Scenario(
        name="empty final",
        promise="An empty final takes the interim text back: there is nothing to answer.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > interim mm
              saying "mm"
        2.2 > silence from 2
              user listening
              timer transcript 3.5
        2.3 > final
              timer transcript off
        """,
    ),
    Scenario(
        name="final of marks only",
        promise="Punctuation alone is no text.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        2.5 > silence from 2
              user listening
        2.6 > final ...
        """,
    ),
    Scenario(
        name="interim without final",
        promise="An STT that never finalises costs the wait, not the turn.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > interim hello
              saying "hello"
        1.9 > interim hello there
              saying "hello there"
        2.2 > silence from 2
              user listening
              timer transcript 3.9
        3.9 ! transcript
              said "hello there"
              commit 1 "hello there" from 1 to 2
        """,
    ),
    Scenario(
        name="late final of what was taken",
        promise="A final that says again what an interim had to do for is not said twice.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > interim hello there
              saying "hello there"
        2.2 > silence from 2
              user listening
              timer transcript 3.9
        3.9 ! transcript
              said "hello there"
              commit 1 "hello there" from 1 to 2
          5 > final Hello there!
        """,
    ),
    Scenario(
        name="late final with more",
        promise="Of such a final only what is new is another turn.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > interim hello there
              saying "hello there"
        2.2 > silence from 2
              user listening
              timer transcript 3.9
        3.9 ! transcript
              said "hello there"
              commit 1 "hello there" from 1 to 2
          5 > final Hello there, my friend
              said "my friend"
              timer endpointing 5.5
        5.5 ! endpointing
              drop 1: superseded
              commit 2 "my friend" from 5 to 5 text 5
        """,
    ),
    Scenario(
        name="interim after final",
        promise="An open interim text is waited for, so that a turn is not cut in two.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.6 > final I want
              said "I want"
        1.9 > interim two
              saying "two"
        2.2 > silence from 2
              user listening
              timer transcript 3.9
        2.9 > final two tickets
              said "two tickets"
              commit 1 "I want two tickets" from 1 to 2 text 2.9
              timer transcript off
        """,
    ),
    Scenario(
        name="interim shorter wait",
        promise="The wait for a final is an option.",
        rules=rules(transcript_wait=0.7),
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > interim hello
              saying "hello"
        2.2 > silence from 2
              user listening
              timer transcript 2.6
        2.6 ! transcript
              said "hello"
              commit 1 "hello" from 1 to 2
        """,
    ),
    Scenario(
        name="duplicate start and end",
        promise="Marks that come twice change nothing.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.2 > voice from 1.1
        2.2 > silence from 2
              user listening
        2.3 > silence from 2.1
        2.4 > final hello
              said "hello"
              timer endpointing 2.5
       2.45 > silence from 2.2
        2.5 ! endpointing
              commit 1 "hello" from 1 to 2 text 2.4
        """,
    ),
    Scenario(
        name="end without start",
        promise="An end that nothing began is ignored.",
        rules=PLAIN,
        script="""
          1 > silence from 0.5
        """,
    ),
    Scenario(
        name="voice that the VAD misses",
        promise="A turn that only the STT hears is ended by the delay after its text.",
        rules=PLAIN,
        script="""
          1 > interim hello
              saying "hello"
              timer transcript 3
        1.2 > final hello
              said "hello"
              timer endpointing 1.7
              timer transcript off
        1.7 ! endpointing
              commit 1 "hello" from 1 to 1.2 text 1.2
        """,
    ),
    Scenario(
        name="own delay",
        promise="min_delay is an option.",
        rules=rules(endpointing=EndpointingRules(min_delay=1.0)),
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        2.3 > final hello
              said "hello"
              timer endpointing 3
          3 ! endpointing
              commit 1 "hello" from 1 to 2 text 2.3
        """,
    ),
    Scenario(
        name="no delay",
        promise="With a delay of 0 the turn ends with the speech.",
        rules=rules(endpointing=EndpointingRules(min_delay=0.0)),
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
        2.2 > silence from 2
              user listening
              commit 1 "hello" from 1 to 2 text 1.9
        """,
    ),
    Scenario(
        name="late timer",
        promise="A timer that was cancelled does nothing when it fires all the same.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        2.3 > final hello
              said "hello"
              timer endpointing 2.5
        2.4 > voice from 2.35
              user speaking
              timer endpointing off
        2.5 > late timer endpointing 2.5
        3.2 > silence from 3
              user listening
              timer endpointing 3.5
        3.5 ! endpointing
              commit 1 "hello" from 1 to 3 text 2.3
        """,
    ),
    Scenario(
        name="dynamic delay",
        promise="A pause of the user's makes the delay longer; the average is weighted by alpha.",
        rules=rules(endpointing=EndpointingRules(mode="dynamic", alpha=0.5)),
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        2.3 > final well
              said "well"
              timer endpointing 2.5
       2.45 > voice from 2.4
              user speaking
              timer endpointing off
        2.9 > silence from 2.8
              user listening
              timer endpointing 3.3
          3 > final I think
              said "I think"
        3.3 ! endpointing
              commit 1 "well I think" from 1 to 2.8 text 3
        4.1 > voice from 4
              user speaking
        5.2 > silence from 5
              user listening
        5.3 > final so
              said "so"
              timer endpointing 5.825
      5.825 ! endpointing
              drop 1: superseded
              commit 2 "so" from 4 to 5 text 5.3
        """,
    ),
    Scenario(
        name="dynamic delay after lead-in",
        promise="Who goes on within the silence before the agent's first word has only paused.",
        rules=rules(endpointing=EndpointingRules(mode="dynamic", alpha=0.5)),
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        2.3 > final well
              said "well"
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "well" from 1 to 2 text 2.3
        3.2 > reply a to 1
        3.3 > a is audible
              agent speaking
        3.5 > voice from 3.5
              user speaking
              timer interruption 4
          4 > final I think
              said "I think"
              pause a
              overlap with a from 3.5
              agent listening
              timer interruption off
        4.2 > silence from 4
              user listening
              timer endpointing 5
        4.3 > a was cut
          5 ! endpointing
              commit 2 "I think" from 3.5 to 4 text 4
        """,
    ),
    Scenario(
        name="dynamic delay after an answer",
        promise="The time that the agent speaks is no pause of the user's.",
        rules=rules(endpointing=EndpointingRules(mode="dynamic", alpha=0.5)),
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        2.3 > final well
              said "well"
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "well" from 1 to 2 text 2.3
        2.6 > reply a to 1
        2.7 > a is audible
              agent speaking
        3.7 > a ends
              agent listening
        3.9 > voice from 3.8
              user speaking
        4.2 > silence from 4
              user listening
        4.3 > final thanks
              said "thanks"
              timer endpointing 4.5
        4.5 ! endpointing
              commit 2 "thanks" from 3.8 to 4 text 4.3
        """,
    ),
    Scenario(
        name="stt mode",
        promise="The STT ends the turn; the delay counts from its mark.",
        rules=PLAIN,
        setup=STT_ONLY,
        script="""
          1 > stt hears speech
              user speaking
              timer transcript 6
        1.5 > interim hel
              saying "hel"
              timer transcript 6.5
          2 > final hello
              said "hello"
              timer transcript 7
        2.2 > stt hears the end
              user listening
              timer endpointing 2.7
              timer transcript off
        2.7 ! endpointing
              commit 1 "hello" from 1 to 2.2 text 2
        """,
    ),
    Scenario(
        name="stt mode, end before final",
        promise="The text may come after the mark.",
        rules=PLAIN,
        setup=STT_ONLY,
        script="""
          1 > stt hears speech
              user speaking
              timer transcript 6
          2 > stt hears the end
              user listening
              timer transcript off
        2.7 > final hello
              said "hello"
              commit 1 "hello" from 1 to 2 text 2.7
        """,
    ),
    Scenario(
        name="stt mode, no end",
        promise="An STT that does not say when speech ends is not believed for ever.",
        rules=PLAIN,
        setup=STT_ONLY,
        script="""
          1 > stt hears speech
              user speaking
              timer transcript 6
          2 > final hello
              said "hello"
              timer transcript 7
          7 ! transcript
              user listening
              commit 1 "hello" from 1 to 2 text 2
        """,
    ),
    Scenario(
        name="stt mode, no start",
        promise="A final without any marks ends the turn after the longest delay.",
        rules=PLAIN,
        setup=STT_ONLY,
        script="""
          2 > final hello
              said "hello"
              timer transcript 5
          5 ! transcript
              commit 1 "hello" from 2 to 2 text 2
        """,
    ),
    Scenario(
        name="stt mode with VAD",
        promise="The STT says that the turn is over, the VAD when the voice ended.",
        rules=PLAIN,
        setup=STT_WITH_VAD,
        script="""
        1.1 > voice from 1
              user speaking
        1.2 > stt hears speech
        2.2 > silence from 2
              user listening
        2.3 > final hello
              said "hello"
              timer transcript 5.3
        2.4 > stt hears the end
              timer endpointing 2.5
              timer transcript off
        2.5 ! endpointing
              commit 1 "hello" from 1 to 2 text 2.3
        """,
    ),
    Scenario(
        name="stt mode with VAD, end too early",
        promise="Who still speaks has not finished, whatever the STT says.",
        rules=PLAIN,
        setup=STT_WITH_VAD,
        script="""
        1.1 > voice from 1
              user speaking
        1.8 > final hello
              said "hello"
        1.9 > stt hears the end
        2.2 > silence from 2.1
              user listening
              timer endpointing 2.6
        2.6 ! endpointing
              commit 1 "hello" from 1 to 2.1 text 1.8
        """,
    ),
    Scenario(
        name="stt mode with VAD, no end",
        promise="Without the STT's mark the turn ends after the longest delay.",
        rules=PLAIN,
        setup=STT_WITH_VAD,
        script="""
        1.1 > voice from 1
              user speaking
        1.8 > final hello
              said "hello"
        2.2 > silence from 2
              user listening
              timer transcript 5
          5 ! transcript
              commit 1 "hello" from 1 to 2 text 1.8
        """,
    ),
    Scenario(
        name="no STT",
        promise="With a VAD alone each utterance is a turn, without text.",
        rules=PLAIN,
        setup=VAD_ONLY,
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "" from 1 to 2
        """,
    ),
    Scenario(
        name="model for audio, likely",
        promise="The model is asked at the end of speech; its yes leaves the shortest delay.",
        rules=rules(endpointing=AUDIO_DELAYS),
        setup=AUDIO_MODEL,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
        2.2 > silence from 2
              user listening
              ask 1 "hello"
              timer prediction 3.2
       2.25 > prediction 1 is 0.8 of 0.4
              timer endpointing 2.3
              timer prediction off
        2.3 ! endpointing
              commit 1 "hello" from 1 to 2 text 1.9, at 0.8
        """,
    ),
    Scenario(
        name="model for audio, unlikely",
        promise="Its no gives the user until the longest delay.",
        rules=rules(endpointing=AUDIO_DELAYS),
        setup=AUDIO_MODEL,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final I would like
              said "I would like"
        2.2 > silence from 2
              user listening
              ask 1 "I would like"
              timer prediction 3.2
       2.25 > prediction 1 is 0.1 of 0.4
              timer endpointing 4.5
              timer prediction off
        4.5 ! endpointing
              commit 1 "I would like" from 1 to 2 text 1.9, at 0.1
        """,
    ),
    Scenario(
        name="model for audio, unlikely, goes on",
        promise="New speech cancels the decision, and the model is asked anew.",
        rules=rules(endpointing=AUDIO_DELAYS),
        setup=AUDIO_MODEL,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final I would like
              said "I would like"
        2.2 > silence from 2
              user listening
              ask 1 "I would like"
              timer prediction 3.2
       2.25 > prediction 1 is 0.1 of 0.4
              timer endpointing 4.5
              timer prediction off
        3.1 > voice from 3
              user speaking
              timer endpointing off
        3.7 > final a coffee
              said "a coffee"
        4.2 > silence from 4
              user listening
              ask 2 "I would like a coffee"
              timer prediction 5.2
        4.3 > prediction 2 is 0.9 of 0.4
              commit 1 "I would like a coffee" from 1 to 4 text 3.7, at 0.9
              timer prediction off
        """,
    ),
    Scenario(
        name="model for audio, before the text",
        promise="It judges while the text is still on its way.",
        rules=rules(endpointing=AUDIO_DELAYS),
        setup=AUDIO_MODEL,
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
              ask 1 ""
        2.3 > prediction 1 is 0.9 of 0.4
        2.9 > final hello
              said "hello"
              commit 1 "hello" from 1 to 2 text 2.9, at 0.9
        """,
    ),
    Scenario(
        name="model for audio, silent",
        promise="A model that does not answer within 1 s is not waited for.",
        rules=rules(endpointing=AUDIO_DELAYS),
        setup=AUDIO_MODEL,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
        2.2 > silence from 2
              user listening
              ask 1 "hello"
              timer prediction 3.2
        3.2 ! prediction
              commit 1 "hello" from 1 to 2 text 1.9
        """,
    ),
    Scenario(
        name="model for audio, late",
        promise="Its answer after the commit is ignored.",
        rules=rules(endpointing=AUDIO_DELAYS),
        setup=AUDIO_MODEL,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
        2.2 > silence from 2
              user listening
              ask 1 "hello"
              timer prediction 3.2
        3.2 ! prediction
              commit 1 "hello" from 1 to 2 text 1.9
        3.5 > prediction 1 is 0.1 of 0.4
        """,
    ),
    Scenario(
        name="model fails",
        promise="A model that fails is done without, at once.",
        rules=rules(endpointing=AUDIO_DELAYS),
        setup=AUDIO_MODEL,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
        2.2 > silence from 2
              user listening
              ask 1 "hello"
              timer prediction 3.2
       2.25 > prediction 1 fails
              timer endpointing 2.3
              timer prediction off
        2.3 ! endpointing
              commit 1 "hello" from 1 to 2 text 1.9
        """,
    ),
    Scenario(
        name="model's answer of before",
        promise="An answer to the last question says nothing about this one.",
        rules=rules(endpointing=AUDIO_DELAYS),
        setup=AUDIO_MODEL,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final I would
              said "I would"
        2.2 > silence from 2
              user listening
              ask 1 "I would"
              timer prediction 3.2
       2.25 > voice from 2.25
              user speaking
              timer prediction off
        2.3 > prediction 1 is 0.9 of 0.4
        2.9 > silence from 2.7
              user listening
              ask 2 "I would"
              timer prediction 3.9
       2.95 > prediction 1 is 0.9 of 0.4
          3 > prediction 2 is 0.1 of 0.4
              timer endpointing 5.2
              timer prediction off
        5.2 ! endpointing
              commit 1 "I would" from 1 to 2.7 text 1.9, at 0.1
        """,
    ),
    Scenario(
        name="model for text",
        promise="A model that reads is asked when there is text, and anew with each text.",
        rules=PLAIN,
        setup=TEXT_MODEL,
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        2.3 > final I would
              said "I would"
              ask 1 "I would"
              timer prediction 5.3
       2.35 > prediction 1 is 0.1 of 0.5
              timer endpointing 5
              timer prediction off
        2.8 > final like a coffee
              said "like a coffee"
              ask 2 "I would like a coffee"
              timer endpointing off
              timer prediction 5.8
       2.85 > prediction 2 is 0.9 of 0.5
              commit 1 "I would like a coffee" from 1 to 2 text 2.8, at 0.9
              timer prediction off
        """,
    ),
    Scenario(
        name="model for text, silent",
        promise="It is waited for 3 s.",
        rules=PLAIN,
        setup=TEXT_MODEL,
        script="""
        1.1 > voice from 1
              user speaking
        1.8 > final hello
              said "hello"
        2.2 > silence from 2
              user listening
              ask 1 "hello"
              timer prediction 5.2
        5.2 ! prediction
              commit 1 "hello" from 1 to 2 text 1.8
        """,
    ),
    Scenario(
        name="model for text without VAD",
        promise="With an STT alone the text model judges when the STT hears the end.",
        rules=PLAIN,
        setup=TEXT_MODEL_NO_VAD,
        script="""
          1 > stt hears speech
              user speaking
              timer transcript 6
          2 > final hello
              said "hello"
              timer transcript 7
        2.1 > stt hears the end
              user listening
              ask 1 "hello"
              timer prediction 5.1
              timer transcript off
        2.2 > prediction 1 is 0.2 of 0.5
              timer endpointing 5.1
              timer prediction off
        5.1 ! endpointing
              commit 1 "hello" from 1 to 2.1 text 2, at 0.2
        """,
    ),
    Scenario(
        name="voice that stops and returns in an utterance",
        promise="Pauses within an utterance do not matter to the end of the turn.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > voice pauses 1.4
        1.7 > voice returns 1.6
        2.3 > voice pauses 2
        2.3 > silence from 2
              user listening
        2.4 > final hello
              said "hello"
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "hello" from 1 to 2 text 2.4
        """,
    ),
    Scenario(
        name="the same word again",
        promise="Who says the word of the last turn once more means it once more.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.4 > interim yes
              saying "yes"
        2.2 > silence from 2
              user listening
              timer transcript 3.4
        3.4 ! transcript
              said "yes"
              commit 1 "yes" from 1 to 2
        5.1 > voice from 5
              user speaking
        5.4 > final yes
              said "yes"
        5.6 > silence from 5.3
              user listening
              timer endpointing 5.8
        5.8 ! endpointing
              drop 1: superseded
              commit 2 "yes" from 5 to 5.3 text 5.4
        """,
    ),
    Scenario(
        name="late interim of what was taken",
        promise="An interim text that says again what was taken opens no turn.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > interim hello there
              saying "hello there"
        2.2 > silence from 2
              user listening
              timer transcript 3.9
        3.9 ! transcript
              said "hello there"
              commit 1 "hello there" from 1 to 2
        4.5 > interim hello there
          5 > final hello there
        """,
    ),
    Scenario(
        name="dynamic delay after a backchannel",
        promise="The silence after a sign of listening is no pause.",
        rules=rules(endpointing=EndpointingRules(mode="dynamic", alpha=0.5)),
        script="""
        0.5 > reply a
        0.6 > a is audible
              agent speaking
        1.1 > voice from 1
              user speaking
              timer interruption 1.5
        1.5 > silence from 1.2
              user listening
              overlap with a from 1, no interruption
              timer interruption off
        1.6 > final okay
              said "okay"
              timer endpointing 1.7
        1.7 ! endpointing
          2 > a ends
              commit 1 "okay" from 1 to 1.2 text 1.6
              agent listening
        3.1 > voice from 3
              user speaking
        3.5 > silence from 3.2
              user listening
        3.6 > final thanks
              said "thanks"
              timer endpointing 3.7
        3.7 ! endpointing
              drop 1: superseded
              commit 2 "thanks" from 3 to 3.2 text 3.6
        """,
    ),
    Scenario(
        name="dynamic delay after long silence",
        promise="Silence longer than the longest delay is no pause either.",
        rules=rules(endpointing=EndpointingRules(mode="dynamic", alpha=0.5)),
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        7.1 > voice from 7
              user speaking
        8.2 > silence from 8
              user listening
        8.3 > final hello
              said "hello"
              timer endpointing 8.5
        8.5 ! endpointing
              commit 1 "hello" from 7 to 8 text 8.3
        """,
    ),
]
