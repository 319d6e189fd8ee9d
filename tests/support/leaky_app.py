"""An app that tells every key it knows, in every way there is. Runs in children.

What a job does is said by its metadata. Imported with LEAKY_IMPORT or prewarmed with
LEAKY_PREWARM set, it fails with the keys in the error.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading

import aiohttp
import openai
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from agentd import AgentServer, JobContext, JobProcess, cli
from agentd.credentials import credential
from agentd_openai.client import make_client
from agentd_openai.errors import api_errors

logger = logging.getLogger("app")

KNOWN_TO_ALL = " ".join(
    [
        os.environ["LIVEKIT_API_SECRET"],
        credential("OPENAI_API_KEY"),
        credential("SPEECH_API_KEY"),
        credential("VOICE_API_KEY"),
        os.environ["CRM_PASSWORD"],
    ]
)
GIVEN = credential("OTHER_API_KEY", os.environ["HARMLESS_NAME"])
"""One of which only this process knows what it is."""

KEYS = f"{KNOWN_TO_ALL} {GIVEN}"


def prewarm(process: JobProcess) -> None:
    """Fails where it is to."""
    if os.environ.get("LEAKY_PREWARM"):
        raise RuntimeError(f"no model for {KEYS}")


server = AgentServer(setup_fnc=prewarm)


@server.rtc_session(agent_name="leaky")
async def entry(ctx: JobContext) -> None:
    """Does what the job's metadata says."""
    task = ctx.job.metadata
    if task == "raise":
        raise ValueError(f"refused: {KEYS}") from LookupError(KEYS)
    if task == "exit":
        sys.exit(f"bye {KEYS}")
    if task == "http":
        await call_service()
    await ctx.connect()
    ctx.add_shutdown_callback(goodbye)
    if task == "say":
        say()
    if task == "state":
        await keep_and_crash(ctx)
    if task == "hold":
        print("holding")
    else:
        ctx.shutdown(f"done with {KEYS}")


def say() -> None:
    """Logs and prints."""
    for name in ("app", "openai", "aiohttp.access", "agentd.mine"):
        logging.getLogger(name).debug("debug %s", KEYS)
    nested = {"deep": [KEYS], "text": KEYS}
    logger.info(f"message {KEYS}", extra={"action": "app_record", "key": KEYS, "nested": nested})
    logger.log(5, "trace %s %r", KEYS, nested, stack_info=True)
    try:
        raise aiohttp.ClientResponseError(*refused_request(), status=401, message=KEYS)
    except aiohttp.ClientResponseError as error:
        logger.exception("failed %r", error)
    print("printed", KEYS)
    print(KEYS, file=sys.stderr)
    print("x" * 16_300, KEYS)
    os.write(1, f"written {KNOWN_TO_ALL}\n".encode())
    subprocess.run(["cat"], input=f"{KNOWN_TO_ALL}\n".encode(), check=True)
    thread = threading.Thread(target=fail, name="fails")
    thread.start()
    thread.join()


def fail() -> None:
    """Ends a thread with a traceback."""
    raise OSError(KEYS)


def refused_request() -> tuple[aiohttp.RequestInfo, tuple[()]]:
    """A request whose headers have the keys."""
    headers = {"Authorization": f"Bearer {KEYS}"}
    url = URL("http://h/")
    return aiohttp.RequestInfo(url, "GET", CIMultiDictProxy(CIMultiDict(headers)), url), ()


async def call_service() -> None:
    """A service that repeats in its error what it was sent; with the plugin's own client."""
    client = make_client(base_url=os.environ["SERVICE_URL"])
    logger.info("client %r %r", client, client.default_headers)
    with api_errors("the service"):
        await client.models.list()


async def keep_and_crash(ctx: JobContext) -> None:
    """The keys are in the state, in the last line and in the process that dies; once."""
    print(f"resumed {ctx.resumed} {ctx.state.get('keys')}")
    if ctx.resumed:
        return
    ctx.state["keys"] = KEYS
    ctx.state.save()
    await asyncio.sleep(0.3)  # for the frame to be on its way
    print(f"last words {KEYS}")
    os.kill(os.getpid(), signal.SIGSEGV)


async def goodbye(reason: str) -> None:
    """Fails, too."""
    raise RuntimeError(f"could not tidy up {KEYS} {openai.__name__}")


if os.environ.get("LEAKY_IMPORT"):
    raise RuntimeError(f"can't be imported with {KEYS}")

if __name__ == "__main__":
    cli.run_app(server)
