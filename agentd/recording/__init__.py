"""Keeping a conversation as a stereo file: the user left, the agent right, as it was heard.

`places` has the rules (when what was said and heard), `taps` stand between a session and its audio,
`recorder` writes. What a session is, is not known here.
"""

from __future__ import annotations

from .options import RecordingOptions
from .recorder import RecorderIO

__all__ = ["RecorderIO", "RecordingOptions"]
