"""What a user's file declares: the server object, its options, and how it is found and described.

Nothing here runs a job, opens a socket or imports the media library: the command line
imports this room, and so does the user's own file.
"""
