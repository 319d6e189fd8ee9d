"""The C library of Flite, which only this module knows.

By ctypes rather than by the command `flite`: no process is started for each sentence (60 ms), and
there is nothing to compile. Of its structures only the head of a wave is looked at, which has been
the same since Flite 1.0.
"""

from __future__ import annotations

import ctypes
import threading

from agentd.errors import ModelError

REMEDY = "install it by: apt-get install flite"

_lock = threading.Lock()
"""Flite does not promise that two texts may be spoken at once."""


class _Wave(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_int16)),
    )


class Library:
    """Flite with one voice. Raises ModelError where it is not installed."""

    def __init__(self, voice: str) -> None:
        flite = _open("libflite.so.1")
        voices = _open(f"libflite_cmu_{voice}.so.1")
        flite.flite_text_to_wave.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
        flite.flite_text_to_wave.restype = ctypes.POINTER(_Wave)
        flite.delete_wave.argtypes = [ctypes.POINTER(_Wave)]
        register = getattr(voices, f"register_cmu_{voice}")
        register.argtypes = [ctypes.c_char_p]
        register.restype = ctypes.c_void_p
        with _lock:
            flite.flite_init()
            self._voice = register(None)
        self._flite = flite
        self._voices = voices

    def speak(self, text: bytes) -> tuple[bytes, int]:
        """A text as PCM16, and its rate in Hz; raises ModelError where there is none."""
        with _lock:
            wave = self._flite.flite_text_to_wave(text, self._voice)
            if not wave:
                raise ModelError("Flite could not speak")
            try:
                head = wave.contents
                size = 2 * head.num_samples * head.num_channels
                return ctypes.string_at(head.samples, size), head.sample_rate
            finally:
                self._flite.delete_wave(wave)


def _open(name: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise ModelError(f"Flite is not installed ({error}): {REMEDY}") from error
