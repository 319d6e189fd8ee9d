"""PCM16 audio on numpy: formats, files, loudness and likeness.

Purely computational but for reading and writing files. Nothing here knows rtc, asyncio
or a model; what cuts speech out of audio lives in `agentd.vad`.
"""
