"""The LiveKit worker protocol, seen from the supervisor: register, offers, assignments, reports.

The only room that knows LiveKit's server messages. It decides nothing about children or
slots and never loads the media SDK.
"""
