"""What is done with a LiveKit room: joining it, and following who is in it.

The one room of the package that may use `livekit.rtc` (agentd.job names its types). What
a job is, and when it ends, is not known here.
"""
