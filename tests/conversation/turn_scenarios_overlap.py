"""The user and the agent at once: interruptions, real and false, held and protected speech."""

from __future__ import annotations

from agentd.voice.turns.options import EndpointingRules, InterruptionRules

from .turn_rules import (
    AUDIO_MODEL,
    NO_INTERIM,
    NO_PAUSE,
    PLAIN,
    STT_ONLY,
    VAD_ONLY,
    rules,
)
from .turn_script import Scenario

SCENARIOS = [
    Scenario(
        name="interruption by sound",
        promise="Half a second of voice pauses the agent; the turn that follows cuts it off.",
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
          4 > interim stop
              saying "stop"
        4.3 > silence from 4
              user listening
              timer transcript 6
        4.4 > final stop
              said "stop"
              timer endpointing 4.5
              timer transcript off
        4.5 ! endpointing
              cut a for turn after 2.4
              commit 1 "stop" from 3 to 4 text 4.4
        4.7 > a was cut
        """,
    ),
    Scenario(
        name="too short for an interruption",
        promise="Less voice, and no text, does not.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.4 > silence from 3.2
              user listening
              overlap with a from 3, no interruption
              timer interruption off
          5 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="pauses do not count as voice",
        promise="A VAD that tells of pauses keeps silence from counting.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.3 > voice pauses 3.2
              timer interruption off
        3.7 > silence from 3.2
              user listening
              overlap with a from 3, no interruption
        4.1 > voice from 4
              user speaking
              timer interruption 4.5
        4.3 > voice pauses 4.2
              timer interruption off
        4.5 > voice returns 4.4
              timer interruption 4.7
        4.7 ! interruption
              pause a
              overlap with a from 4
              agent listening
          5 > silence from 4.9
              user listening
              timer false_interruption 7
          6 > a ends
              timer false_interruption off
        """,
    ),
    Scenario(
        name="own duration",
        promise="min_duration is an option; with 0 the first sound will do.",
        rules=rules(interruption=InterruptionRules(min_duration=0.0)),
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
          3 > voice from 3
              user speaking
              pause a
              overlap with a from 3
              agent listening
        3.2 > silence from 3.1
              user listening
              timer false_interruption 5.2
          4 > a ends
              timer false_interruption off
        """,
    ),
    Scenario(
        name="interruption by text",
        promise="A short word that the STT understands interrupts without the duration.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.4 > silence from 3.2
              user listening
              overlap with a from 3, no interruption
              timer interruption off
        3.5 > final no
              said "no"
              pause a
              overlap with a from 3.5
              agent listening
              timer endpointing 3.7
        3.7 ! endpointing
              cut a for turn after 2.4
              commit 1 "no" from 3 to 3.2 text 3.5
          4 > a was cut
        """,
    ),
    Scenario(
        name="false interruption",
        promise="Nothing follows: the agent goes on after 2 s.",
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
        4.1 > silence from 3.8
              user listening
              timer false_interruption 6.1
        6.1 ! false_interruption
              resume a
              false interruption of a
              agent speaking
          9 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="false interruption, spoken again",
        promise="New speech begins the wait anew.",
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
        4.1 > silence from 3.8
              user listening
              timer false_interruption 6.1
        5.1 > voice from 5
              user speaking
              timer false_interruption off
        5.4 > silence from 5.2
              user listening
              timer false_interruption 7.4
        7.4 ! false_interruption
              resume a
              false interruption of a
              agent speaking
          9 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="false interruption and open decision",
        promise="While a turn is being decided the agent stays paused.",
        rules=rules(endpointing=EndpointingRules(max_delay=6.0)),
        setup=AUDIO_MODEL,
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
        4.1 > silence from 3.8
              user listening
              ask 1 ""
              timer false_interruption 6.1
        4.2 > prediction 1 is 0.1 of 0.4
        4.3 > final I would like
              said "I would like"
              timer endpointing 9.8
              timer false_interruption off
        9.8 ! endpointing
              cut a for turn after 2.4
              commit 1 "I would like" from 3 to 3.8 text 4.3, at 0.1
        9.9 > a was cut
        """,
    ),
    Scenario(
        name="false interruption and endpointing at once",
        promise="Text that comes in the moment of going on makes it a turn.",
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
        4.1 > silence from 3.8
              user listening
              timer false_interruption 6.1
        6.1 > final stop
              said "stop"
              cut a for turn after 2.4
              commit 1 "stop" from 3 to 3.8 text 6.1
              timer false_interruption off
        6.2 > a was cut
        """,
    ),
    Scenario(
        name="text just after going on",
        promise="Text that comes after it pauses the agent again, and is a turn.",
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
        4.1 > silence from 3.8
              user listening
              timer false_interruption 6.1
        6.1 ! false_interruption
              resume a
              false interruption of a
              agent speaking
        6.2 > final stop
              said "stop"
              pause a
              overlap with a from 6.2
              cut a for turn after 2.5
              commit 1 "stop" from 3 to 3.8 text 6.2
              agent listening
        6.3 > a was cut
        """,
    ),
    Scenario(
        name="own timeout of a false interruption",
        promise="The timeout is an option.",
        rules=rules(interruption=InterruptionRules(false_interruption_timeout=0.5)),
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
        4.1 > silence from 3.8
              user listening
              timer false_interruption 4.6
        4.6 ! false_interruption
              resume a
              false interruption of a
              agent speaking
          9 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="no false interruptions",
        promise="Without a timeout the agent is cut off at once, and nothing is found out.",
        rules=rules(interruption=InterruptionRules(false_interruption_timeout=None)),
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.5 ! interruption
              cut a for speech after 2.4
              overlap with a from 3
              agent listening
        3.6 > a was cut
        4.1 > silence from 3.8
              user listening
        """,
    ),
    Scenario(
        name="no resuming",
        promise="Without resuming the agent is cut off; that nothing followed is told.",
        rules=rules(interruption=InterruptionRules(resume_false_interruption=False)),
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.5 ! interruption
              cut a for speech after 2.4
              overlap with a from 3
              agent listening
        3.6 > a was cut
        4.1 > silence from 3.8
              user listening
              timer false_interruption 6.1
        6.1 ! false_interruption
              false interruption of a, not resumed
        """,
    ),
    Scenario(
        name="output that can't pause",
        promise="It is the same where the output can't pause.",
        rules=PLAIN,
        setup=NO_PAUSE,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.5 ! interruption
              cut a for speech after 2.4
              overlap with a from 3
              agent listening
        3.6 > a was cut
        4.1 > silence from 3.8
              user listening
              timer false_interruption 6.1
        4.2 > final stop
              said "stop"
              timer endpointing 4.3
              timer false_interruption off
        4.3 ! endpointing
              commit 1 "stop" from 3 to 3.8 text 4.2
        """,
    ),
    Scenario(
        name="empty final after a pause",
        promise="An empty final does not make the wait longer.",
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
        3.7 > interim mm
              saying "mm"
        4.1 > silence from 3.8
              user listening
              timer transcript 5.7
        4.2 > final
              timer transcript off
              timer false_interruption 6.1
        6.1 ! false_interruption
              resume a
              false interruption of a
              agent speaking
          9 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="interim without final over the agent",
        promise="Interim text that is never finalised is a turn after the wait.",
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
        3.7 > interim stop it
              saying "stop it"
        4.1 > silence from 3.8
              user listening
              timer transcript 5.7
        5.7 ! transcript
              said "stop it"
              cut a for turn after 2.4
              commit 1 "stop it" from 3 to 3.8
        5.8 > a was cut
        """,
    ),
    Scenario(
        name="backchannel by text",
        promise="A sign of listening neither stops the agent nor is it a turn.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.3 > interim uh-huh
              saying "uh-huh"
              timer interruption off
        3.9 > silence from 3.6
              user listening
              overlap with a from 3, no interruption
              timer transcript 5.3
          4 > final Uh-huh.
              said "Uh-huh."
              timer endpointing 4.1
              timer transcript off
        4.1 ! endpointing
          7 > a ends
              drop "Uh-huh.": backchannel
              agent listening
        """,
    ),
    Scenario(
        name="backchannel found out late",
        promise="Where its sound has paused the agent, the text lets it go on.",
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
        3.9 > silence from 3.6
              user listening
              timer false_interruption 5.9
          4 > final Okay, mm-hmm.
              said "Okay, mm-hmm."
              timer endpointing 4.1
              timer false_interruption off
        4.1 ! endpointing
              drop "Okay, mm-hmm.": backchannel
              resume a
              false interruption of a
              agent speaking
          7 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="backchannel and more",
        promise="With a word that means something it is an interruption.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.3 > interim okay
              saying "okay"
              timer interruption off
        3.9 > interim okay but wait
              saying "okay but wait"
              pause a
              overlap with a from 3
              agent listening
        4.3 > silence from 4
              user listening
              timer transcript 5.9
        4.4 > final okay but wait
              said "okay but wait"
              timer endpointing 4.5
              timer transcript off
        4.5 ! endpointing
              cut a for turn after 2.8
              commit 1 "okay but wait" from 3 to 4 text 4.4
        4.6 > a was cut
        """,
    ),
    Scenario(
        name="backchannel near the end",
        promise="Said within the last second of the agent's speech, it is an answer.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.4 > silence from 3.3
              user listening
              overlap with a from 3, no interruption
              timer interruption off
        3.5 > final okay
              said "okay"
              timer endpointing 3.8
        3.8 ! endpointing
        4.2 > a ends
              commit 1 "okay" from 3 to 3.3 text 3.5
              agent listening
        """,
    ),
    Scenario(
        name="backchannel while the agent is silent",
        promise="It is a turn like any other.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.4 > silence from 1.3
              user listening
        1.5 > final okay
              said "okay"
              timer endpointing 1.8
        1.8 ! endpointing
              commit 1 "okay" from 1 to 1.3 text 1.5
        """,
    ),
    Scenario(
        name="backchannel while the agent thinks",
        promise="It is a turn as well: there is nothing that it could be listening to.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a thinks
              agent thinking
        3.1 > voice from 3
              user speaking
              hold a
        3.4 > silence from 3.3
              user listening
              release a
        3.5 > final okay
              said "okay"
              timer endpointing 3.8
        3.8 ! endpointing
              cut a for turn after 0
              commit 1 "okay" from 3 to 3.3 text 3.5
              agent listening
        """,
    ),
    Scenario(
        name="two backchannels",
        promise="Each is dropped when the next one begins, so that they do not add up.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.4 > silence from 3.3
              user listening
              overlap with a from 3, no interruption
              timer interruption off
        3.5 > final okay
              said "okay"
              timer endpointing 3.8
        3.8 ! endpointing
        5.1 > voice from 5
              drop "okay": backchannel
              user speaking
              timer interruption 5.5
        5.4 > silence from 5.3
              user listening
              overlap with a from 5, no interruption
              timer interruption off
        5.5 > final stop
              said "stop"
              pause a
              overlap with a from 5.5
              agent listening
              timer endpointing 5.8
        5.8 ! endpointing
              cut a for turn after 4.4
              commit 1 "stop" from 5 to 5.3 text 5.5
          6 > a was cut
        """,
    ),
    Scenario(
        name="own backchannels",
        promise="The list is an option; an empty one knows none.",
        rules=rules(interruption=InterruptionRules(backchannels=frozenset())),
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.4 > silence from 3.3
              user listening
              overlap with a from 3, no interruption
              timer interruption off
        3.5 > final okay
              said "okay"
              pause a
              overlap with a from 3.5
              agent listening
              timer endpointing 3.8
        3.8 ! endpointing
              cut a for turn after 2.4
              commit 1 "okay" from 3 to 3.3 text 3.5
        """,
    ),
    Scenario(
        name="min_words not reached",
        promise="Too few words do not stop the agent, however long the voice.",
        rules=rules(interruption=InterruptionRules(min_words=2)),
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
        3.9 > interim stop
              saying "stop"
        4.3 > silence from 4.1
              user listening
              overlap with a from 3, no interruption
              timer transcript 5.9
        4.4 > final stop
              said "stop"
              timer endpointing 4.6
              timer transcript off
        4.6 ! endpointing
          8 > a ends
              drop "stop": too_few_words
              agent listening
        """,
    ),
    Scenario(
        name="min_words reached by interim text",
        promise="As soon as there are enough, and the voice has lasted, it is stopped.",
        rules=rules(interruption=InterruptionRules(min_words=2)),
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
        3.3 > interim stop
              saying "stop"
        3.9 > interim stop it
              saying "stop it"
              pause a
              overlap with a from 3
              agent listening
        4.3 > silence from 4.1
              user listening
              timer transcript 5.9
        4.4 > final stop it
              said "stop it"
              timer endpointing 4.6
              timer transcript off
        4.6 ! endpointing
              cut a for turn after 2.8
              commit 1 "stop it" from 3 to 4.1 text 4.4
        4.7 > a was cut
        """,
    ),
    Scenario(
        name="min_words added up",
        promise="Words of several utterances count together.",
        rules=rules(interruption=InterruptionRules(min_words=2)),
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
        3.3 > silence from 3.2
              user listening
              overlap with a from 3, no interruption
        3.4 > final please
              said "please"
              timer endpointing 3.7
        3.7 ! endpointing
        5.1 > voice from 5
              user speaking
        5.3 > silence from 5.2
              user listening
              overlap with a from 5, no interruption
        5.4 > final stop
              said "stop"
              pause a
              overlap with a from 5.4
              agent listening
              timer endpointing 5.7
        5.7 ! endpointing
              cut a for turn after 4.3
              commit 1 "please stop" from 3 to 5.2 text 5.4
          6 > a was cut
        """,
    ),
    Scenario(
        name="min_words near the end",
        promise="Too few words right before the agent's end are its answer.",
        rules=rules(interruption=InterruptionRules(min_words=2)),
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
        3.3 > silence from 3.2
              user listening
              overlap with a from 3, no interruption
        3.4 > final yes
              said "yes"
              timer endpointing 3.7
        3.6 > a ends
              agent listening
        3.7 ! endpointing
              commit 1 "yes" from 3 to 3.2 text 3.4
        """,
    ),
    Scenario(
        name="protected speech",
        promise="It is not stopped, and the STT is given silence.",
        rules=PLAIN,
        script="""
          1 > reply a protected
              stt deaf
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
        4.1 > silence from 3.8
              user listening
          6 > a ends
              agent listening
              stt listens
        """,
    ),
    Scenario(
        name="protected speech, heard",
        promise="With the audio kept, what is said is dropped with the reason.",
        rules=rules(interruption=InterruptionRules(discard_audio_if_uninterruptible=False)),
        script="""
          1 > reply a protected
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
        4.1 > silence from 3.8
              user listening
        4.2 > final stop
              said "stop"
              timer endpointing 4.3
        4.3 ! endpointing
              drop "stop": agent_protected
          6 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="said before protected speech",
        promise="What was said before it began is answered after it.",
        rules=rules(endpointing=EndpointingRules(min_delay=1.0)),
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        2.3 > final hello
              said "hello"
              timer endpointing 3
        2.5 > reply a protected
              stt deaf
        2.6 > a is audible
              agent speaking
          3 ! endpointing
          6 > a ends
              commit 1 "hello" from 1 to 2 text 2.3
              agent listening
              stt listens
        """,
    ),
    Scenario(
        name="interruption not enabled",
        promise="Without interruptions all speech is protected, unless it says otherwise.",
        rules=rules(interruption=InterruptionRules(enabled=False)),
        script="""
          1 > reply a
              stt deaf
        1.1 > a is audible
              agent speaking
        1.5 > a ends
              agent listening
              stt listens
          2 > reply b open
        2.1 > b is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.5 ! interruption
              pause b
              overlap with b from 3
              agent listening
        3.8 > silence from 3.7
              user listening
              timer false_interruption 5.8
        5.8 ! false_interruption
              resume b
              false interruption of b
              agent speaking
          9 > b ends
              agent listening
        """,
    ),
    Scenario(
        name="protection in the middle",
        promise="Speech that becomes protected while it is paused goes on.",
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
        3.8 > a becomes protected
              resume a
              agent speaking
              stt deaf
        4.1 > silence from 3.9
              user listening
          5 > a becomes open
              stt listens
          6 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="speech while thinking",
        promise="A reply that is not audible yet is held, and goes out when nothing came of it.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a thinks
              agent thinking
        1.6 > voice from 1.5
              user speaking
              hold a
          2 > silence from 1.7
              user listening
              release a
        2.2 > a is audible
              agent speaking
          3 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="turn while thinking",
        promise="Another turn takes its place: nothing of it was heard.",
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
       2.55 > reply a to 1
        2.6 > a thinks
              agent thinking
        2.7 > voice from 2.6
              user speaking
              hold a
        3.2 > silence from 3
              user listening
              release a
        3.3 > final for two
              said "for two"
              timer endpointing 3.5
        3.5 ! endpointing
              cut a for turn after 0
              commit 2 "for two" from 2.6 to 3 text 3.3
              agent listening
       3.55 > a was cut
        3.6 > reply b to 2
        """,
    ),
    Scenario(
        name="turn while the hook runs",
        promise="A turn that is not answered yet is superseded, and a reply to it comes too late.",
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
        3.6 > reply a to 1
              cut a for superseded after 0
        3.7 > a was cut
        3.8 > reply b to 2
        """,
    ),
    Scenario(
        name="held for text",
        promise="Without interim results a real utterance is given a second for its text.",
        rules=PLAIN,
        setup=NO_INTERIM,
        script="""
          1 > reply a
        1.1 > a thinks
              agent thinking
        1.6 > voice from 1.5
              user speaking
              hold a
        2.6 > silence from 2.3
              user listening
              timer release 3.6
        3.6 ! release
              release a
          4 > a is audible
              agent speaking
          5 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="held, text came",
        promise="When the text comes it is a turn.",
        rules=PLAIN,
        setup=NO_INTERIM,
        script="""
          1 > reply a
        1.1 > a thinks
              agent thinking
        1.6 > voice from 1.5
              user speaking
              hold a
        2.6 > silence from 2.3
              user listening
              timer release 3.6
        3.2 > final stop
              said "stop"
              cut a for turn after 0
              commit 1 "stop" from 1.5 to 2.3 text 3.2
              agent listening
              timer release off
        """,
    ),
    Scenario(
        name="held, empty text came",
        promise="An empty text ends the wait.",
        rules=PLAIN,
        setup=NO_INTERIM,
        script="""
          1 > reply a
        1.1 > a thinks
              agent thinking
        1.6 > voice from 1.5
              user speaking
              hold a
        2.6 > silence from 2.3
              user listening
              timer release 3.6
        3.2 > final
              release a
              timer release off
          5 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="scheduled while the user speaks",
        promise="Speech that comes up then is held from the start.",
        rules=PLAIN,
        script="""
        1.1 > voice from 1
              user speaking
        1.5 > reply a
              hold a
          2 > silence from 1.9
              user listening
              release a
        2.1 > a is audible
              agent speaking
          3 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="audible in the moment of speech",
        promise="A reply that gets out in spite of the hold is paused until the user is silent.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.5 > voice from 1.4
              user speaking
              hold a
       1.51 > a is audible
              pause a
          2 > silence from 1.7
              user listening
              resume a
              agent speaking
          4 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="audible in the moment, no pause",
        promise="Where the output can't pause it is an overlap like others.",
        rules=PLAIN,
        setup=NO_PAUSE,
        script="""
          1 > reply a
        1.5 > voice from 1.4
              user speaking
              hold a
       1.51 > a is audible
              agent speaking
              timer interruption 1.9
        1.9 ! interruption
              cut a for speech after 0.39
              overlap with a from 1.51
              agent listening
        2.2 > silence from 2.1
              user listening
              timer false_interruption 4.2
        2.3 > a was cut
        4.2 ! false_interruption
              false interruption of a, not resumed
        """,
    ),
    Scenario(
        name="speech just after audible",
        promise="Voice that began before the agent did counts from its start.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.5 > a is audible
              agent speaking
       1.55 > voice from 1.45
              user speaking
              timer interruption 1.95
       1.95 ! interruption
              pause a
              overlap with a from 1.5
              agent listening
        2.2 > silence from 2.1
              user listening
              timer false_interruption 4.2
        4.2 ! false_interruption
              resume a
              false interruption of a
              agent speaking
          9 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="reply ends while paused",
        promise="A speech that is ended by others needs no resuming.",
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
        3.7 > a was cut
        4.1 > silence from 3.8
              user listening
        """,
    ),
    Scenario(
        name="thinking between segments",
        promise="In a gap of its own the reply is held, not paused.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
          2 > a thinks
              agent thinking
        2.2 > voice from 2.1
              user speaking
              hold a
        2.6 > silence from 2.4
              user listening
              release a
          3 > a is audible
              agent speaking
          4 > voice from 4
              user speaking
              timer interruption 4.5
        4.5 ! interruption
              pause a
              overlap with a from 4
              agent listening
          5 > silence from 4.9
              user listening
              timer false_interruption 7
        5.1 > final stop
              said "stop"
              timer endpointing 5.4
              timer false_interruption off
        5.4 ! endpointing
              cut a for turn after 2.4
              commit 1 "stop" from 4 to 4.9 text 5.1
        5.5 > a was cut
        """,
    ),
    Scenario(
        name="paused by others",
        promise="While the user's code has paused the speech, nothing is spoken over.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
          2 > a is paused
              agent listening
          3 > a is audible
              agent speaking
          4 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="warm-up",
        promise="For 3 s from the agent's first sound what is heard is its echo.",
        rules=rules(aec_warmup_duration=3.0),
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
              stt deaf
              timer aec_warmup 4.1
        2.1 > voice from 2
              user speaking
          3 > silence from 2.9
              user listening
        3.5 > a ends
              agent listening
          4 > reply b
        4.1 ! aec_warmup
              stt listens
        4.2 > b is audible
              agent speaking
        5.1 > voice from 5
              user speaking
              timer interruption 5.5
        5.5 ! interruption
              pause b
              overlap with b from 5
              agent listening
        5.8 > silence from 5.7
              user listening
              timer false_interruption 7.8
        7.8 ! false_interruption
              resume b
              false interruption of b
              agent speaking
          9 > b ends
              agent listening
        """,
    ),
    Scenario(
        name="warm-up ends in speech",
        promise="Who still speaks at its end interrupts then.",
        rules=rules(aec_warmup_duration=3.0),
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
              stt deaf
              timer aec_warmup 4.1
        3.1 > voice from 3
              user speaking
        4.1 ! aec_warmup
              pause a
              overlap with a from 3
              agent listening
              stt listens
          5 > silence from 4.9
              user listening
              timer false_interruption 7
          7 ! false_interruption
              resume a
              false interruption of a
              agent speaking
          9 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="text in the warm-up",
        promise="What the STT understood before it was given silence is a turn.",
        rules=rules(aec_warmup_duration=3.0),
        script="""
        0.4 > voice from 0.3
              user speaking
        0.9 > reply a
              hold a
          1 > a is audible
              pause a
              stt deaf
              timer aec_warmup 4
        1.2 > silence from 1.1
              user listening
              resume a
              agent speaking
        1.3 > final stop
              said "stop"
              timer endpointing 1.6
        1.6 ! endpointing
              cut a for turn after 0.4
              commit 1 "stop" from 0.3 to 1.1 text 1.3
              agent listening
        1.7 > a was cut
          4 ! aec_warmup
              stt listens
        """,
    ),
    Scenario(
        name="no VAD: interim text interrupts",
        promise="Without a VAD interim text will do.",
        rules=PLAIN,
        setup=STT_ONLY,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
          3 > stt hears speech
              user speaking
              timer transcript 8
        3.4 > interim stop
              saying "stop"
              pause a
              overlap with a from 3
              agent listening
              timer transcript 8.4
        3.8 > stt hears the end
              user listening
              timer transcript 5.4
        3.9 > final stop
              said "stop"
              timer endpointing 4.3
              timer transcript off
        4.3 ! endpointing
              cut a for turn after 2.3
              commit 1 "stop" from 3 to 3.8 text 3.9
        4.4 > a was cut
        """,
    ),
    Scenario(
        name="no VAD, false interruption",
        promise="Without a VAD interim text that is taken back was a false interruption.",
        rules=PLAIN,
        setup=STT_ONLY,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
          3 > stt hears speech
              user speaking
              timer transcript 8
        3.4 > interim stop
              saying "stop"
              pause a
              overlap with a from 3
              agent listening
              timer transcript 8.4
        3.8 > stt hears the end
              user listening
              timer transcript 5.4
        3.9 > final
              timer transcript off
              timer false_interruption 5.8
        5.8 ! false_interruption
              resume a
              false interruption of a
              agent speaking
          9 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="no STT: a cough",
        promise="With a VAD alone a cough over the agent is no turn.",
        rules=PLAIN,
        setup=VAD_ONLY,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.4 > silence from 3.2
              user listening
              overlap with a from 3, no interruption
              timer interruption off
          5 > a thinks
              agent thinking
        5.3 > voice from 5.2
              user speaking
              hold a
        5.5 > silence from 5.4
              user listening
              release a
          6 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="no STT: an interruption",
        promise="What stopped the agent is a turn.",
        rules=PLAIN,
        setup=VAD_ONLY,
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
          4 > silence from 3.9
              user listening
              timer endpointing 4.4
        4.4 ! endpointing
              cut a for turn after 2.4
              commit 1 "" from 3 to 3.9
        4.5 > a was cut
        """,
    ),
    Scenario(
        name="interruption of a resumed speech",
        promise="Pauses are taken out of what was heard.",
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
          4 > silence from 3.9
              user listening
              timer false_interruption 6
          6 ! false_interruption
              resume a
              false interruption of a
              agent speaking
        7.1 > voice from 7
              user speaking
              timer interruption 7.5
        7.5 ! interruption
              pause a
              overlap with a from 7
              agent listening
          8 > silence from 7.9
              user listening
              timer false_interruption 10
        8.1 > final stop
              said "stop"
              timer endpointing 8.4
              timer false_interruption off
        8.4 ! endpointing
              cut a for turn after 3.9
              commit 1 "stop" from 7 to 7.9 text 8.1
        8.5 > a was cut
        """,
    ),
    Scenario(
        name="STT's marks are no voice",
        promise="Without a VAD the STT's mark of speech alone stops nothing, however long it is.",
        rules=PLAIN,
        setup=STT_ONLY,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
          3 > stt hears speech
              user speaking
              timer transcript 8
          4 > tools run
        4.5 > stt hears the end
              user listening
              overlap with a from 3, no interruption
              timer transcript off
          9 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="interim text is no shorter way",
        promise="With a VAD interim text does not interrupt before the voice has lasted.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.3 > interim stop
              saying "stop"
        3.5 ! interruption
              pause a
              overlap with a from 3
              agent listening
        3.9 > silence from 3.7
              user listening
              timer transcript 5.3
          4 > final stop
              said "stop"
              timer endpointing 4.2
              timer transcript off
        4.2 ! endpointing
              cut a for turn after 2.4
              commit 1 "stop" from 3 to 3.7 text 4
          5 > a was cut
        """,
    ),
    Scenario(
        name="start told twice over the agent",
        promise="The duration counts from the first.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.1 > voice from 3
              user speaking
              timer interruption 3.5
        3.3 > voice from 3.2
        3.5 ! interruption
              pause a
              overlap with a from 3
              agent listening
          4 > silence from 3.9
              user listening
              timer false_interruption 6
          6 ! false_interruption
              resume a
              false interruption of a
              agent speaking
          9 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="cleared right after a pause",
        promise="Without a VAD the wait counts from the pause.",
        rules=PLAIN,
        setup=STT_ONLY,
        script="""
          1 > reply a
        1.1 > a is audible
              agent speaking
        3.4 > interim stop
              saying "stop"
              pause a
              overlap with a from 3.4
              agent listening
              timer transcript 6.4
        3.6 > clear by hand
              drop "stop": cleared
              timer transcript off
              timer false_interruption 5.4
        5.4 ! false_interruption
              resume a
              false interruption of a
              agent speaking
          9 > a ends
              agent listening
        """,
    ),
    Scenario(
        name="other inputs while a decision is open",
        promise="Nothing else makes the agent go on meanwhile.",
        rules=rules(endpointing=EndpointingRules(min_delay=4.0, max_delay=4.0)),
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
        4.1 > silence from 3.9
              user listening
              timer false_interruption 6.1
        4.2 > final stop
              said "stop"
              timer endpointing 7.9
              timer false_interruption off
        6.5 > tools run
          7 > tools stop
        7.9 ! endpointing
              cut a for turn after 2.4
              commit 1 "stop" from 3 to 3.9 text 4.2
          8 > a was cut
        """,
    ),
    Scenario(
        name="backchannel right in the moment",
        promise="What got out in the moment of speech had not been listened to: it is a turn.",
        rules=PLAIN,
        script="""
          1 > reply a
        1.5 > voice from 1.4
              user speaking
              hold a
       1.51 > a is audible
              pause a
        1.9 > final okay
              said "okay"
          2 > silence from 1.7
              user listening
              timer endpointing 2.2
        2.2 ! endpointing
              cut a for turn after 0
              commit 1 "okay" from 1.4 to 1.7 text 1.9
          3 > a was cut
        """,
    ),
    Scenario(
        name="said before protected speech, and more",
        promise="What is said during it joins what was said before.",
        rules=rules(
            endpointing=EndpointingRules(min_delay=1.0),
            interruption=InterruptionRules(discard_audio_if_uninterruptible=False),
        ),
        script="""
        1.1 > voice from 1
              user speaking
        2.2 > silence from 2
              user listening
        2.3 > final hello
              said "hello"
              timer endpointing 3
        2.5 > reply a protected
        2.6 > a is audible
              agent speaking
          3 ! endpointing
          4 > final there
              said "there"
          6 > a ends
              commit 1 "hello there" from 1 to 2 text 4
              agent listening
        """,
    ),
]
