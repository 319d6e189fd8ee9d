"""llama.cpp's own OpenAI-style server, as xllamacpp has it; prints its address and serves until
its standard input ends.

    python llama_server.py MODEL.gguf
"""

from __future__ import annotations

import sys

import xllamacpp

CONTEXT = 1024


def main() -> None:
    """Serve on a free port of loopback."""
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cache_ram_mib = 0
    params.verbosity = -1
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
