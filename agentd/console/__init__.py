"""`agentd console`: talking to one's own agent at this machine, without a server.

The app runs in this process, as a fake job in a room that is none; the terminal, the sound card or
WAV files take the place of a caller. Knows the job and the session that it plays caller to; what
was asked for comes from `agentd.cli`.
"""
