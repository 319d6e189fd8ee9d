"""What is around the turns: presence, commits by hand, preemptive replies, limits, other agents."""

from __future__ import annotations

from agentd.voice.turns.options import (
    EndpointingRules,
    InterruptionRules,
    PreemptiveRules,
    UserTurnLimit,
)
from agentd.voice.turns.setup import TurnSetup

from .turn_rules import (
    BY_HAND,
    PLAIN,
    REALTIME,
    STT_ONLY,
    VAD_ONLY,
    rules,
)
from .turn_script import Scenario

SCENARIOS = [
    Scenario(
        name="away",
        promise="After 15 s of silence on both sides the user is away, and comes back by speech.",
        rules=rules(user_away_timeout=15.0),
        script="""
        1.1 > voice from 1
              user speaking
              timer away off
        2.2 > silence from 2
              user listening
              timer away 17.2
        2.3 > final hello
              said "hello"
              timer endpointing 2.5
              timer away off
        2.5 ! endpointing
              commit 1 "hello" from 1 to 2 text 2.3
        2.6 > reply a to 1
          3 > a is audible
              agent speaking
          5 > a ends
              agent listening
              timer away 20
         20 ! away
              user away
         25 > voice from 25
              user speaking
         26 > silence from 25.8
              user listening
              timer away 41
         41 ! away
              user away
        """,
    ),
    Scenario(
        name="away, final text",
        promise="Text alone brings the user back.",
        rules=rules(user_away_timeout=15.0),
        script="""
         15 ! away
              user away
         20 > final hello
              said "hello"
              user listening
              timer endpointing 20.5
       20.5 ! endpointing
              commit 1 "hello" from 20 to 20 text 20
         21 > turn 1 unanswered: no model
              drop 1: unanswered (no model)
              timer away 36
         36 ! away
              user away
        """,
    ),
    Scenario(
        name="away, sign of life",
        promise="DTMF and typed messages count as life.",
        rules=rules(user_away_timeout=15.0),
        script="""
         10 > sign of life
              timer away 25
         25 ! away
              user away
         30 > sign of life
              user listening
              timer away 45
         31 > participant leaves
              timer away off
        """,
    ),
    Scenario(
        name="not away while tools run",
        promise="A user who waits for a tool is not away.",
        rules=rules(user_away_timeout=15.0),
        script="""
          1 > tools run
              timer away off
         30 > tools stop
              timer away 45
         31 > tools run
              timer away off
         40 > tools stop
              timer away 55
         55 ! away
              user away
        """,
    ),
    Scenario(
        name="not away without a participant",
        promise="There is nobody to be away, until somebody comes.",
        rules=rules(user_away_timeout=15.0),
        script="""
          1 > participant leaves
              timer away off
         40 > participant comes
              timer away 55
         55 ! away
              user away
        """,
    ),
    Scenario(
        name="away is an option",
        promise="Without a timeout nobody is ever away.",
        rules=rules(user_away_timeout=None),
        script="""
          1 > sign of life
        """,
    ),
    Scenario(
        name="mute in the middle of speech",
        promise="A mute ends the speech; the text that still comes is taken.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > muted
              user listening
        1.6 > silence from 1.4
        1.7 > voice from 1.6
        1.8 > final hello
              said "hello"
              timer endpointing 2
          2 ! endpointing
              commit 1 "hello" from 1 to 1.5 text 1.8
          3 > unmuted
        3.2 > voice from 3.1
              user speaking
        3.6 > silence from 3.4
              user listening
        """,
    ),
    Scenario(
        name="participant leaves in the middle",
        promise="What was said is kept for the history; nobody is answered.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > interim I wanted
              saying "I wanted"
          2 > participant leaves
              user listening
              said "I wanted"
              commit 1 "I wanted" from 1 to 2, unanswered
              drop 1: participant_left
        2.5 > final I wanted to ask
              said "to ask"
              commit 2 "to ask" from 2.5 to 2.5 text 2.5, unanswered
              drop 2: participant_left
        """,
    ),
    Scenario(
        name="participant leaves while the agent speaks",
        promise="The agent is not stopped by it.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
          2 > participant leaves
          3 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="by hand",
        promise="Only the user's code ends the turn, at once where the text is fresh.",
        rules=PLAIN,
        setup=BY_HAND,
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        2.3 > final hello
              said "hello"
        2.5 > commit by hand
              commit 1 "hello" from 1 to 2 text 2.3, by hand
        """,
    ),
    Scenario(
        name="by hand, while speaking",
        promise="It may be in the middle of speech.",
        rules=PLAIN,
        setup=BY_HAND,
        script="""
        1.1 > voice from 1
              user speaking
        1.8 > final hello
              said "hello"
          2 > commit by hand
              commit 1 "hello" from 1 to 2 text 1.8, by hand
        2.5 > silence from 2.3
              user listening
        """,
    ),
    Scenario(
        name="by hand, text on its way",
        promise="A final text is waited for.",
        rules=PLAIN,
        setup=BY_HAND,
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        2.5 > commit by hand
              flush stt
              timer transcript 4.5
          3 > final hello
              said "hello"
              commit 1 "hello" from 1 to 2 text 3, by hand
              timer transcript off
        """,
    ),
    Scenario(
        name="by hand, interim only",
        promise="After the wait an interim text has to do.",
        rules=PLAIN,
        setup=BY_HAND,
        script="""
        1.1 > voice from 1
              user speaking
        1.8 > interim hello
              saying "hello"
        2.2 > silence from 2
              user listening
        2.5 > commit by hand within 1
              flush stt
              timer transcript 3.5
        3.5 ! transcript
              said "hello"
              commit 1 "hello" from 1 to 2, by hand
        """,
    ),
    Scenario(
        name="by hand, nothing said",
        promise="Where there is no text the turn is dropped, with the reason.",
        rules=PLAIN,
        setup=BY_HAND,
        script="""
          2 > commit by hand within 1.5
              flush stt
              timer transcript 3.5
        3.5 ! transcript
              drop: no_transcript, by hand
        """,
    ),
    Scenario(
        name="by hand, empty final",
        promise="An empty final ends the wait.",
        rules=PLAIN,
        setup=BY_HAND,
        script="""
        1.1 > voice from 1
              user speaking
        1.8 > interim mm
              saying "mm"
          2 > commit by hand
              flush stt
              timer transcript 4
        2.4 > final
              drop: no_transcript, by hand
              timer transcript off
        """,
    ),
    Scenario(
        name="by hand, twice",
        promise="Two requests are one.",
        rules=PLAIN,
        setup=BY_HAND,
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        2.5 > commit by hand unanswered
              flush stt
              timer transcript 4.5
        2.7 > commit by hand within 0.5
              flush stt
              timer transcript 3.2
          3 > final hello
              said "hello"
              commit 1 "hello" from 1 to 2 text 3, by hand
              timer transcript off
        """,
    ),
    Scenario(
        name="by hand, without a reply",
        promise="The turn goes into the history only, and the agent goes on.",
        rules=PLAIN,
        setup=BY_HAND,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        1.8 > final hello
              said "hello"
          2 > commit by hand unanswered
              commit 1 "hello" from 1.8 to 1.8 text 1.8, by hand, unanswered
          3 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="by hand, over the agent",
        promise="Voice does not interrupt in this mode; the commit does.",
        rules=PLAIN,
        setup=BY_HAND,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        2.1 > voice from 2
              user speaking
        2.8 > final okay
              said "okay"
          3 > commit by hand
              cut a for turn after 1.9
              commit 1 "okay" from 2 to 3 text 2.8, by hand
              agent listening
        3.1 > a was cut
        3.5 > silence from 3.3
              user listening
        """,
    ),
    Scenario(
        name="by hand, over protected speech",
        promise="It is dropped, with the reason.",
        rules=rules(interruption=InterruptionRules(discard_audio_if_uninterruptible=False)),
        setup=BY_HAND,
        script="""
          1 > reply a protected
        1.1 > a is audible
              agent speaking
        2.8 > final stop
              said "stop"
          3 > commit by hand
              drop "stop": agent_protected, by hand
          4 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="by hand in VAD mode",
        promise="A commit by hand does not wait for the silence.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.8 > final hello
              said "hello"
        1.9 > commit by hand
              commit 1 "hello" from 1 to 1.9 text 1.8, by hand
        2.2 > silence from 2
              user listening
        """,
    ),
    Scenario(
        name="by hand without STT",
        promise="With a realtime model the commit is without text.",
        rules=PLAIN,
        setup=TurnSetup(mode="manual", has_stt=False),
        script="""
        1.1 > voice from 1
              user speaking
          2 > commit by hand
              commit 1 "" from 1 to 2, by hand
        2.5 > silence from 2.3
              user listening
        """,
    ),
    Scenario(
        name="clear by hand",
        promise="What was said is forgotten, with the reason.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.8 > final hello
              said "hello"
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.3 > clear by hand
              drop "hello": cleared
              timer endpointing off
        """,
    ),
    Scenario(
        name="clear while a commit waits",
        promise="The request is answered all the same.",
        rules=PLAIN,
        setup=BY_HAND,
        script="""
          1 > commit by hand
              flush stt
              timer transcript 3
        1.5 > clear by hand
              drop: cleared, by hand
              timer transcript off
        """,
    ),
    Scenario(
        name="clear nothing",
        promise="There is nothing to tell.",
        rules=PLAIN,
        script="""
          1 > clear by hand
        """,
    ),
    Scenario(
        name="clear while paused",
        promise="The agent goes on when the timeout is over.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.5 ! interruption
              pause a
              overlap with a from 3
              agent listening
        3.8 > interim what
              saying "what"
        4.1 > silence from 4
              user listening
              timer transcript 5.8
        4.2 > clear by hand
              drop "what": cleared
              timer transcript off
              timer false_interruption 6.1
        6.1 ! false_interruption
              resume a
              false interruption of a
              agent speaking
          8 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="preemptive reply",
        promise="A reply is begun with the final text and used when the turn is over.",
        rules=rules(preemptive=PreemptiveRules()),
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
              generate 1 "hello"
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "hello" from 1 to 2 text 1.9, by generation 1
        """,
    ),
    Scenario(
        name="preemptive reply, preflight",
        promise="A preflight text will do; small differences to the final are none.",
        rules=rules(preemptive=PreemptiveRules()),
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > preflight hello there
              saying "hello there"
              generate 1 "hello there"
        2.2 > silence from 2
              user listening
              timer transcript 3.9
        2.3 > final Hello, there!
              said "Hello, there!"
              timer endpointing 2.5
              timer transcript off
        2.5 ! endpointing
              commit 1 "Hello, there!" from 1 to 2 text 2.3, by generation 1
        """,
    ),
    Scenario(
        name="preemptive reply, other text",
        promise="Another text drops it and begins a new one.",
        rules=rules(preemptive=PreemptiveRules()),
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > final book a table
              said "book a table"
              generate 1 "book a table"
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.3 > final for two
              said "for two"
              drop generation 1
              generate 2 "book a table for two"
        2.5 ! endpointing
              commit 1 "book a table for two" from 1 to 2 text 2.3, by generation 2
        """,
    ),
    Scenario(
        name="preemptive reply, interim at the end",
        promise="Where the turn ends with more text, it is not used.",
        rules=rules(preemptive=PreemptiveRules()),
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > final book a table
              said "book a table"
              generate 1 "book a table"
        1.9 > interim for two
              saying "for two"
        2.2 > silence from 2
              user listening
              timer transcript 3.9
        3.9 ! transcript
              said "for two"
              drop generation 1
              commit 1 "book a table for two" from 1 to 2 text 1.5
        """,
    ),
    Scenario(
        name="preemptive reply, with speech",
        promise="preemptive_tts is an option.",
        rules=rules(preemptive=PreemptiveRules(preemptive_tts=True)),
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
              generate 1 "hello" as speech
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "hello" from 1 to 2 text 1.9, by generation 1
        """,
    ),
    Scenario(
        name="preemptive reply, tries",
        promise="At most max_retries are begun in a turn.",
        rules=rules(preemptive=PreemptiveRules(max_retries=2)),
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > final one
              said "one"
              generate 1 "one"
        1.6 > final two
              said "two"
              drop generation 1
              generate 2 "one two"
        1.7 > final three
              said "three"
              drop generation 2
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "one two three" from 1 to 2 text 1.7
        2.8 > reply a to 1
        2.9 > a is audible
              agent speaking
          3 > a ends
              agent listening
        3.2 > final four
              said "four"
              generate 3 "four"
              timer endpointing 3.7
        3.7 ! endpointing
              commit 2 "four" from 3.2 to 3.2 text 3.2, by generation 3
        """,
    ),
    Scenario(
        name="preemptive reply, long speech",
        promise="Not for a turn that has lasted too long.",
        rules=rules(preemptive=PreemptiveRules(max_speech_duration=2.0)),
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > final one
              said "one"
              generate 1 "one"
          4 > final two
              said "two"
              drop generation 1
        4.2 > silence from 4
              user listening
              timer endpointing 4.5
        4.5 ! endpointing
              commit 1 "one two" from 1 to 4 text 4
        """,
    ),
    Scenario(
        name="preemptive reply, off",
        promise="enabled is an option.",
        rules=rules(preemptive=PreemptiveRules(enabled=False)),
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "hello" from 1 to 2 text 1.9
        """,
    ),
    Scenario(
        name="preemptive reply, agent speaks",
        promise="None is begun while the agent speaks, or owes a reply.",
        rules=rules(preemptive=PreemptiveRules()),
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
              generate 1 "hello"
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "hello" from 1 to 2 text 1.9, by generation 1
        2.6 > final there
              said "there"
              timer endpointing 3.1
          3 > reply a to 1
        3.1 ! endpointing
              cut a for turn after 0
              commit 2 "there" from 2.6 to 2.6 text 2.6
        3.2 > reply b to 2
        3.4 > b is audible
              agent speaking
        4.1 > voice from 4
              user speaking
              timer interruption 4.5
        4.5 ! interruption
              pause b
              overlap with b from 4
              agent listening
        4.8 > final stop
              said "stop"
          5 > silence from 4.9
              user listening
              timer endpointing 5.4
        5.4 ! endpointing
              cut b for turn after 1.1
              commit 3 "stop" from 4 to 4.9 text 4.8
        """,
    ),
    Scenario(
        name="preemptive reply, cleared",
        promise="Clearing the turn drops it.",
        rules=rules(preemptive=PreemptiveRules()),
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
              generate 1 "hello"
          2 > clear by hand
              drop "hello": cleared
              drop generation 1
        2.2 > silence from 2
              user listening
        """,
    ),
    Scenario(
        name="turn without a reply",
        promise="The session's reason is told.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
        2.5 > silence from 2
              user listening
              commit 1 "hello" from 1 to 2 text 1.9
        2.6 > turn 1 unanswered: stop response
              drop 1: unanswered (stop response)
        """,
    ),
    Scenario(
        name="stale word about a turn",
        promise="A reason for a turn that is over is ignored.",
        rules=PLAIN,
        script="""
          1 > turn 7 unanswered: no model
        """,
    ),
    Scenario(
        name="limit of words",
        promise="Too many words end the turn; the hook answers.",
        rules=rules(limit=UserTurnLimit(max_words=3)),
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > final one two
              said "one two"
          2 > interim three
              saying "three"
        2.5 > interim three four
              saying "three four"
              said "three four"
              exceeded 1 "one two three four" from 1 to 2.5 text 1.5, 4 words in 1.5
        2.6 > reply a to 1 protected
              stt deaf
        2.7 > a is audible
              agent speaking
          3 > final three four
          4 > silence from 3.9
              user listening
          5 > a ends
              agent listening
              stt listens
        """,
    ),
    Scenario(
        name="limit of time",
        promise="So does too long a turn, once.",
        rules=rules(limit=UserTurnLimit(max_duration=3.0)),
        script="""
        1.1 > voice from 1
              user speaking
          2 > interim well
              saying "well"
              timer turn_limit 4
          4 ! turn_limit
              said "well"
              exceeded 1 "well" from 1 to 4, 1 words in 3
          5 > final well then you know
              said "then you know"
          6 > silence from 5.9
              user listening
              timer endpointing 6.4
        6.1 > turn 1 unanswered: hook said nothing
              drop 1: unanswered (hook said nothing)
        6.4 ! endpointing
              commit 2 "then you know" from 4 to 5.9 text 5
        """,
    ),
    Scenario(
        name="limit over several turns",
        promise="Turns without an answer count together, until the agent is heard.",
        rules=rules(limit=UserTurnLimit(max_words=3)),
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > final one two
              said "one two"
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "one two" from 1 to 2 text 1.5
        3.1 > voice from 3
              user speaking
        3.5 > final three four
              said "three four"
              drop 1: superseded
              exceeded 2 one two "three four" from 3 to 3.5 text 3.5, 4 words in 2.5
        4.5 > silence from 4.2
              user listening
        4.6 > reply a to 2
        4.7 > a is audible
              agent speaking
        4.9 > a ends
              agent listening
        5.1 > voice from 5
              user speaking
        5.5 > final five six
              said "five six"
        6.2 > silence from 6
              user listening
              timer endpointing 6.5
        6.5 ! endpointing
              commit 3 "five six" from 5 to 6 text 5.5
        """,
    ),
    Scenario(
        name="limit not counted over the agent",
        promise="While the agent is heard the user has not the word; it is counted after that.",
        rules=rules(limit=UserTurnLimit(max_words=1)),
        script="""
          1 > reply a protected
              stt deaf
        1.1 > a is audible
              agent speaking
          2 > interim one two
              saying "one two"
              timer transcript 4
          3 > a ends
              said "one two"
              exceeded 1 "one two" from 2, 2 words in 1
              agent listening
              stt listens
              timer transcript off
        """,
    ),
    Scenario(
        name="limit cuts a paused reply",
        promise="The agent's paused speech is cut off by it.",
        rules=rules(limit=UserTurnLimit(max_words=1)),
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        2.1 > voice from 2
              user speaking
              timer interruption 2.5
        2.5 ! interruption
              pause a
              overlap with a from 2
              agent listening
          3 > interim stop right
              saying "stop right"
              said "stop right"
              cut a for turn_limit after 1.4
              exceeded 1 "stop right" from 2 to 3, 2 words in 1
        3.2 > a was cut
          4 > silence from 3.8
              user listening
        """,
    ),
    Scenario(
        name="transcription timeout",
        promise="Speech without text is told of, where asked for.",
        rules=rules(transcription_timeout=1.5),
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
              timer transcription 3.7
        3.7 ! transcription
              no text for 1 to 2
        """,
    ),
    Scenario(
        name="transcription timeout, text came",
        promise="Text in time is no reason.",
        rules=rules(transcription_timeout=1.5),
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
              timer transcription 3.7
          3 > final hello
              said "hello"
              commit 1 "hello" from 1 to 2 text 3
              timer transcription off
        """,
    ),
    Scenario(
        name="transcription timeout, text before the end",
        promise="Text before the end of speech neither.",
        rules=rules(transcription_timeout=1.5),
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "hello" from 1 to 2 text 1.9
        """,
    ),
    Scenario(
        name="transcription timeout, empty text",
        promise="An empty text is none.",
        rules=rules(transcription_timeout=1.5),
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
              timer transcription 3.7
        2.5 > final
        3.7 ! transcription
              no text for 1 to 2
        """,
    ),
    Scenario(
        name="transcription timeout, interim only",
        promise="An interim text that has to do comes before or after, whichever is due.",
        rules=rules(transcription_timeout=1.5),
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > interim hello
              saying "hello"
        2.2 > silence from 2
              user listening
              timer transcript 3.5
              timer transcription 3.7
        3.5 ! transcript
              said "hello"
              commit 1 "hello" from 1 to 2
              timer transcription off
        """,
    ),
    Scenario(
        name="transcription timeout, deaf STT",
        promise="An STT that was given silence owes no text.",
        rules=rules(transcription_timeout=1.5),
        script="""
          1 > reply a protected
              stt deaf
        1.1 > a is audible
              agent speaking
        2.1 > voice from 2
              user speaking
          3 > silence from 2.9
              user listening
        3.5 > a ends
              agent listening
              stt listens
        """,
    ),
    Scenario(
        name="transcription timeout, new speech",
        promise="New speech begins it anew.",
        rules=rules(transcription_timeout=1.5),
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
              timer transcription 3.7
          3 > voice from 2.9
              user speaking
              timer transcription off
          4 > silence from 3.8
              user listening
              timer transcription 5.5
        5.5 ! transcription
              no text for 2.9 to 3.8
        """,
    ),
    Scenario(
        name="handoff in the middle of a turn",
        promise="No turn is decided meanwhile; the next agent's rules decide.",
        rules=PLAIN,
        later_rules=rules(endpointing=EndpointingRules(min_delay=2.5)),
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > handoff
        1.9 > final hello
              said "hello"
        2.2 > silence from 2
              user listening
          4 > rules change
              timer endpointing 4.5
        4.5 ! endpointing
              commit 1 "hello" from 1 to 2 text 1.9
        """,
    ),
    Scenario(
        name="handoff with a preemptive reply",
        promise="The old agent's is dropped.",
        rules=rules(preemptive=PreemptiveRules()),
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
              generate 1 "hello"
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.3 > handoff
              drop generation 1
              timer endpointing off
        2.4 > rules change
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "hello" from 1 to 2 text 1.9
        """,
    ),
    Scenario(
        name="commit by hand in a handoff",
        promise="It waits for the next agent.",
        rules=PLAIN,
        script="""
          1 > handoff
        1.9 > final hello
              said "hello"
          2 > commit by hand
          3 > rules change
              commit 1 "hello" from 1.9 to 1.9 text 1.9, by hand
        """,
    ),
    Scenario(
        name="rules changed during the delay",
        promise="The delay is counted anew from the same sound.",
        rules=PLAIN,
        later_rules=rules(endpointing=EndpointingRules(min_delay=2.0)),
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.4 > rules change
              timer endpointing 4
          4 ! endpointing
              commit 1 "hello" from 1 to 2 text 1.9
        """,
    ),
    Scenario(
        name="changed to by hand",
        promise="A turn that is open stays so, until it is committed.",
        rules=PLAIN,
        later_setup=BY_HAND,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.4 > rules change
              timer endpointing off
          5 > commit by hand
              flush stt
              timer transcript 7
        5.2 > final there
              said "there"
              commit 1 "hello there" from 1 to 2 text 5.2, by hand
              timer transcript off
        """,
    ),
    Scenario(
        name="changed to by hand while paused",
        promise="The agent goes on: sound stops nobody any more.",
        rules=PLAIN,
        later_setup=BY_HAND,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.5 ! interruption
              pause a
              overlap with a from 3
              agent listening
        3.8 > rules change
              resume a
              agent speaking
        4.1 > silence from 4
              user listening
          5 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="changed to a realtime model",
        promise="What is open can't be answered by it, and is dropped.",
        rules=PLAIN,
        later_setup=REALTIME,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
          2 > rules change
              drop "hello": cleared
              user listening
        2.2 > silence from 2
        """,
    ),
    Scenario(
        name="changed to a session without STT",
        promise="What was understood before stays a turn.",
        rules=PLAIN,
        later_setup=VAD_ONLY,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
          2 > rules change
        2.2 > silence from 2.1
              user listening
              timer endpointing 2.6
        2.6 ! endpointing
              commit 1 "hello" from 1 to 2.1 text 1.9
        """,
    ),
    Scenario(
        name="changed away from the VAD",
        promise="Speech that only the VAD told of ends with it.",
        rules=PLAIN,
        later_setup=STT_ONLY,
        script="""
        1.1 > voice from 1
              user speaking
        1.9 > final hello
              said "hello"
          2 > rules change
              user listening
              timer transcript 5
        2.2 > silence from 2.1
        2.4 > stt hears the end
              timer endpointing 2.5
              timer transcript off
        2.5 ! endpointing
              commit 1 "hello" from 1 to 2 text 1.9
        """,
    ),
    Scenario(
        name="warm-up taken away",
        promise="A change of rules can end the warm-up.",
        rules=rules(aec_warmup_duration=3.0),
        later_rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
              stt deaf
              timer aec_warmup 4.1
          2 > rules change
              stt listens
              timer aec_warmup off
          3 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="realtime model",
        promise="The model takes turns itself: it stops the reply, and begins the next.",
        rules=PLAIN,
        setup=REALTIME,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
          3 > model hears speech
              cut a for model after 1.9
              user speaking
              agent listening
        3.1 > a was cut
          4 > model hears the end
              user listening
        4.2 > final what time is it
              said "what time is it"
        4.3 > reply b
        4.5 > b is audible
              agent speaking
          6 > b ends
              agent listening
        """,
    ),
    Scenario(
        name="realtime model, protected speech",
        promise="What the session protects is not given up.",
        rules=PLAIN,
        setup=REALTIME,
        script="""
          1 > reply a protected
              stt deaf
        1.1 > a is audible
              agent speaking
          3 > model hears speech
              user speaking
          4 > model hears the end
              user listening
          5 > a ends
              agent listening
              stt listens
        """,
    ),
    Scenario(
        name="realtime model, sound is not judged",
        promise="Neither hold nor interruption nor turn comes of a VAD then.",
        rules=PLAIN,
        setup=TurnSetup(mode="realtime_llm"),
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
          4 > final stop that
              said "stop that"
        4.2 > silence from 4
              user listening
          6 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="leaves twice",
        promise="Who is told gone twice is gone.",
        rules=PLAIN,
        script="""
          1 > participant leaves
        1.2 > participant leaves
        1.5 > final bye
              said "bye"
              commit 1 "bye" from 1.5 to 1.5 text 1.5, unanswered
              drop 1: participant_left
        """,
    ),
    Scenario(
        name="by hand while interim text waits",
        promise="A turn that ends by itself answers the request, a sign of listening too.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
          3 > interim okay
              saying "okay"
              timer transcript 5
        3.2 > commit by hand within 5
              flush stt
          5 ! transcript
              said "okay"
              cut a for turn after 3.9
              commit 1 "okay" from 3, by hand
              agent listening
          6 > a was cut
        """,
    ),
    Scenario(
        name="by hand, twice, first wait",
        promise="The wait that is over first counts.",
        rules=PLAIN,
        setup=BY_HAND,
        script="""
          1 > interim hello
              saying "hello"
        1.2 > commit by hand within 1
              flush stt
              timer transcript 2.2
        1.5 > commit by hand within 5
              flush stt
        2.2 ! transcript
              said "hello"
              commit 1 "hello" from 1, by hand
        """,
    ),
    Scenario(
        name="by hand without STT in VAD mode",
        promise="What goes on after the commit is no turn of its own.",
        rules=PLAIN,
        setup=VAD_ONLY,
        script="""
        1.1 > voice from 1
              user speaking
          2 > commit by hand
              commit 1 "" from 1 to 2, by hand
        2.5 > silence from 2.3
              user listening
        """,
    ),
    Scenario(
        name="limit and signs of listening",
        promise="Signs of listening over the agent are no words of a turn.",
        rules=rules(limit=UserTurnLimit(max_words=1)),
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
          3 > final okay uh-huh
              said "okay uh-huh"
              timer endpointing 3.5
        3.5 ! endpointing
          5 > a ends
              drop "okay uh-huh": backchannel
              agent listening
        """,
    ),
    Scenario(
        name="limit of time begins anew",
        promise="The time counts from the first sound after the agent was heard.",
        rules=rules(limit=UserTurnLimit(max_duration=3.0)),
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > final hello
              said "hello"
              timer turn_limit 4
        2.2 > silence from 2
              user listening
              timer endpointing 2.5
        2.5 ! endpointing
              commit 1 "hello" from 1 to 2 text 1.5
              timer turn_limit off
        2.6 > reply a to 1
        2.8 > a is audible
              agent speaking
        3.5 > a ends
              agent listening
        5.1 > voice from 5
              user speaking
        5.5 > final hello
              said "hello"
              timer turn_limit 8
        6.2 > silence from 6
              user listening
              timer endpointing 6.5
        6.5 ! endpointing
              commit 2 "hello" from 5 to 6 text 5.5
              timer turn_limit off
        6.6 > turn 2 unanswered: no model
              drop 2: unanswered (no model)
        """,
    ),
]
