"""The process that loads local models once and answers for all children of a daemon.

Knows runners, clients and its supervisor; knows nothing of jobs, rooms or what a model is for.
"""
