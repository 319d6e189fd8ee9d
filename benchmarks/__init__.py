"""The figures that agentd promises, measured on this machine: `make bench`.

Each module measures one group of figures; where livekit-agents does the same work, it does
it in the same run, in turns with agentd, since absolute times say little on a shared machine.
"""
