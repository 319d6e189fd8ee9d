"""What runs inside a child process: boot, prewarm, one job, exit.

The only room that imports the user's app. It speaks frames with the supervisor and
leaves everything that a job means to `job`.
"""
