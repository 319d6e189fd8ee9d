"""The HTTP port over real sockets: who may ask what, and what becomes of those who do it badly."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop
from msgspec.structs import replace

from agentd.aio.timing import now, within
from agentd.errors import PortBusy, SettingsError
from agentd.management import answers, attempts, connections, server
from agentd.management.views import StatusView
from agentd.settings.model import HttpSettings
from tests.support.http_client import VIEW, WITH_TOKEN, WORD, Scripted, asking, served

SOON = 20.0
STATUS_PATH = "/api/v1/status"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def open_one() -> AsyncIterator[Scripted]:
    """On loopback, without a token."""
    async with served() as scripted:
        yield scripted


@pytest.fixture
async def locked() -> AsyncIterator[Scripted]:
    """With a token."""
    async with served(http_token=WORD) as scripted:
        yield scripted


async def ask(
    scripted: Scripted, method: str, path: str, **sent: Any
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """The status, the body and the headers of an answer."""
    async with asking(scripted) as session, session.request(method, path, **sent) as answer:
        return answer.status, json.loads(await answer.text() or "{}"), dict(answer.headers)


async def code_of(scripted: Scripted, method: str, path: str, **sent: Any) -> tuple[int, str]:
    """The status of a refusal, and its word."""
    status, body, _ = await ask(scripted, method, path, **sent)
    return status, body["error"]["code"]


async def raw(scripted: Scripted, sent: bytes) -> bytes:
    """What comes back for these bytes until the server hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", scripted.port)
    writer.write(sent)
    try:
        return await rest_of(reader)
    finally:
        writer.close()


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server hangs up, in good order or not."""
    try:
        return await within(now() + SOON, reader.read())
    except ConnectionError:
        return b""


# -- looking -------------------------------------------------------------------------


async def test_on_loopback_without_a_token_all_may_look(open_one: Scripted) -> None:
    """And nobody may steer: a page in a browser can send a request too."""
    for path in ("/healthz", "/readyz", STATUS_PATH, "/api/v1/jobs", "/api/v1/openapi.json"):
        assert (await ask(open_one, "GET", path))[0] == 200

    refused = await ask(open_one, "POST", "/api/v1/drain", json={})

    assert refused[0] == 403
    assert "AGENTD_HTTP_TOKEN" in refused[1]["error"]["message"]
    assert open_one.controls.asked == []


async def test_with_a_token_only_who_sends_it_may_look_and_steer(locked: Scripted) -> None:
    """The probes and nothing else are open."""
    for path in (STATUS_PATH, "/metrics", "/events", "/api/v1/openapi.json", "/nothing"):
        assert await code_of(locked, "GET", path) == (401, "unauthorized")
    assert await code_of(locked, "POST", "/api/v1/drain", json={}) == (401, "unauthorized")
    assert (await ask(locked, "GET", "/healthz"))[0] == 200
    assert (await ask(locked, "GET", "/readyz"))[0] == 200

    status, body, _ = await ask(locked, "GET", STATUS_PATH, headers=WITH_TOKEN)
    taken, _, _ = await ask(
        locked, "POST", "/api/v1/drain", json={"reason": "x"}, headers=WITH_TOKEN
    )

    assert (status, body["agent_name"], taken) == (200, "clerk", 202)
    assert locked.controls.asked == [("drain", "x")]


async def test_whether_jobs_can_come_is_told_with_the_reasons() -> None:
    """For a load balancer, or Kubernetes."""
    async with served() as scripted:
        ready = await ask(scripted, "GET", "/readyz")
    async with served() as scripted:
        scripted.view = replace(VIEW, draining=True, link=replace(VIEW.link, phase="connecting"))
        not_ready = await ask(scripted, "GET", "/readyz")

    assert ready[:2] == (200, {"ready": True, "reasons": []})
    assert not_ready[0] == 503
    assert [each["code"] for each in not_ready[1]["reasons"]] == ["draining", "not_registered"]


async def test_a_flood_of_probes_looks_at_the_daemon_now_and_then_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They need no token, so anybody may send many."""
    monkeypatch.setattr(server, "PROBE_INTERVAL", 60.0)
    async with served() as scripted, asking(scripted) as session:
        for _ in range(20):
            for path in ("/healthz", "/readyz"):
                async with session.get(path) as answer:
                    assert answer.status == 200

    assert scripted.looks == 2


async def test_every_answer_forbids_to_be_kept_or_guessed_at(locked: Scripted) -> None:
    """Those of errors too; and none is for other sites, nor says what serves it."""
    for path in ("/healthz", STATUS_PATH):
        _, _, headers = await ask(locked, "GET", path, headers={"Origin": "https://evil.example"})
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Server"] == "agentd"
        assert [name for name in headers if name.startswith("Access-Control")] == []


# -- who may not ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        "Bearer wrong",
        f"Bearer {WORD}x",
        f"Bearer {WORD[:-1]}",
        f"Basic {WORD}",
        WORD,
        "Bearer",
        " ",
    ],
)
async def test_what_is_not_the_token_is_refused(locked: Scripted, sent: str) -> None:
    """With the way to prove oneself, as HTTP wants it."""
    status, body, headers = await ask(locked, "GET", STATUS_PATH, headers={"Authorization": sent})

    assert (status, body["error"]["code"]) == (401, "unauthorized")
    assert headers["WWW-Authenticate"].startswith("Bearer")


async def test_who_tries_too_often_is_not_heard_for_a_while(
    locked: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    """Not with the right token either: it is not compared. The probes still answer."""
    wrong = {"Authorization": "Bearer wrong"}
    for _ in range(attempts.MAX_FAILURES):
        assert (await ask(locked, "GET", STATUS_PATH, headers=wrong))[0] == 401

    status, body, headers = await ask(locked, "GET", STATUS_PATH, headers=WITH_TOKEN)

    assert (status, body["error"]["code"]) == (429, "too_many_failures")
    assert 0 < int(headers["Retry-After"]) <= attempts.PERIOD
    assert (await ask(locked, "GET", "/healthz"))[0] == 200
    assert locked.server.door.failures == attempts.MAX_FAILURES
    told = [each for each in caplog.records if each.__dict__["action"] == "http_token_refused"]
    assert len(told) == attempts.MAX_FAILURES
    assert WORD not in caplog.text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "10.9.9.9", "localhost.evil", ""]
)
async def test_a_name_that_is_not_ours_is_refused(open_one: Scripted, host: str) -> None:
    """A foreign page may have its name point at us (DNS rebinding). Probes answer to any."""
    assert await code_of(open_one, "GET", STATUS_PATH, headers={"Host": host}) == (
        421,
        "wrong_host",
    )
    assert (await ask(open_one, "GET", "/healthz", headers={"Host": host}))[0] == 200
    assert (await ask(open_one, "GET", "/readyz", headers={"Host": host}))[0] == 200


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:81", "127.0.0.1", "[::1]:8081", "proxy.lan"]
)
async def test_our_own_names_are_let_in(host: str) -> None:
    """Those that are set too."""
    async with served(http_allowed_hosts="proxy.lan") as scripted:
        assert (await ask(scripted, "GET", STATUS_PATH, headers={"Host": host}))[0] == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /api/v1/status HTTP/1.0\r\n\r\n",
        b"GET /api/v1/status HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n"
        b"Connection: close\r\n\r\n",
        b"GET http://evil.example/api/v1/status HTTP/1.1\r\nHost: evil.example\r\n"
        b"Connection: close\r\n\r\n",
    ],
    ids=["HTTP/1.0", "without one", "two", "a whole address"],
)
async def test_a_request_without_one_name_is_refused(open_one: Scripted, head: bytes) -> None:
    """There is nothing to be sure of."""
    told = await raw(open_one, head)

    assert told.split(b" ", 2)[1] in (b"421", b"400")
    assert b"clerk" not in told


async def test_the_pages_of_other_sites_are_refused(open_one: Scripted) -> None:
    """They could not read an answer, but they could keep every place in /events taken."""
    sent = {"Sec-Fetch-Site": "cross-site"}

    assert await code_of(open_one, "GET", "/events", headers=sent) == (403, "forbidden")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "*"])
async def test_on_every_address_its_own_are_its_names(host: str) -> None:
    """By the one that the connection came in by, so that Prometheus may name a pod's."""
    async with served(host=host, http_token=WORD) as scripted:
        wrong = {"Host": "10.9.9.9"} | WITH_TOKEN
        assert (await ask(scripted, "GET", STATUS_PATH, headers=WITH_TOKEN))[0] == 200
        assert (await ask(scripted, "GET", STATUS_PATH, headers=wrong))[0] == 421


# -- bad input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/nothing", {}, 404),
        ("GET", "/api/v1/", {}, 404),
        ("GET", "/api/v1/../../etc/passwd", {}, 404),
        ("POST", "/healthz", {}, 405),
        ("POST", "/events", {"json": {}}, 405),
        ("OPTIONS", STATUS_PATH, {}, 405),
        ("TRACE", STATUS_PATH, {}, 405),
        ("DELETE", "/api/v1/jobs/AJ_1", {}, 405),
        ("GET", "/api/v1/jobs?limit=0", {}, 400),
        ("GET", "/api/v1/jobs?limit=1&limit=2", {}, 400),
        ("GET", "/api/v1/jobs?limits=2", {}, 400),
        ("GET", "/api/v1/jobs/%00", {}, 400),
        ("GET", "/api/v1/jobs/" + "x" * 201, {}, 400),
        ("GET", "/api/v1/jobs/AJ_9", {}, 404),
        ("GET", "/events?after=x", {}, 400),
        ("GET", "/events?after=a-99999999999999999999", {}, 400),
        ("POST", "/api/v1/jobs/AJ_9/stopp", {"json": {}}, 404),
        ("POST", "/api/v1/drain", {"data": b"{}"}, 415),
        ("POST", "/api/v1/drain", {"data": b"{", "headers": JSON}, 400),
        ("POST", "/api/v1/drain", {"json": {"reason": 7}}, 400),
        ("POST", "/api/v1/drain", {"data": b" " * 70_000, "headers": JSON}, 413),
        ("GET", "/api/v1/" + "x" * 9000, {}, 400),
        ("GET", STATUS_PATH, {"headers": {"X-Long": "x" * 9000}}, 400),
    ],
)
async def test_what_can_not_be_used_is_refused_and_does_nothing(
    locked: Scripted, method: str, path: str, sent: dict[str, Any], status: int
) -> None:
    """Every kind of wrong request, from one who has the token."""
    sent = sent | {"headers": WITH_TOKEN | sent.get("headers", {})}
    async with asking(locked) as session:
        answer = await session.request(method, path, **sent)
        await answer.read()

    assert answer.status == status
    assert locked.controls.asked == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x00" * 3000 + b"\r\n\r\n",
        b"POST /api/v1/drain HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/drain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["TLS", "half a line", "a version", "zeros", "a length", "two lengths"],
)
async def test_what_is_no_http_is_hung_up_on(
    open_one: Scripted,
    sent: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At once, or at its deadline where more may come; the log is spared, the next one served."""
    monkeypatch.setattr(connections, "IDLE_TIMEOUT", 0.3)

    told = await raw(open_one, sent)

    assert told == b"" or told.split(b" ", 2)[1] in (b"400", b"405")
    assert (await ask(open_one, "GET", "/healthz"))[0] == 200
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


async def test_two_hundred_idle_connections_cost_nothing_and_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The daemon still answers, and closes them at their deadline."""
    monkeypatch.setattr(connections, "IDLE_TIMEOUT", 1.0)
    async with served() as scripted:
        held = [await asyncio.open_connection("127.0.0.1", scripted.port) for _ in range(200)]

        assert (await ask(scripted, "GET", "/healthz"))[0] == 200

        ends = await within(now() + SOON, asyncio.gather(*(rest_of(reader) for reader, _ in held)))
        assert ends == [b""] * 200
        assert scripted.server.connections.expired == 200
        for _, writer in held:
            writer.close()


async def test_beyond_the_limit_the_oldest_idle_connection_makes_room(
    open_one: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes new is served."""
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    held = [await asyncio.open_connection("127.0.0.1", open_one.port) for _ in range(3)]

    assert (await ask(open_one, "GET", "/healthz"))[0] == 200

    assert await rest_of(held[0][0]) == b""
    assert open_one.server.connections.refused == 1
    for _, writer in held:
        writer.close()


async def test_headers_that_come_by_drops_have_one_deadline_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each byte does not buy more time (Slowloris)."""
    monkeypatch.setattr(connections, "IDLE_TIMEOUT", 0.5)
    async with served() as scripted:
        reader, writer = await asyncio.open_connection("127.0.0.1", scripted.port)
        ended = asyncio.ensure_future(rest_of(reader))
        for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 1000:
            if (await asyncio.wait([ended], timeout=0.02))[0]:
                break
            writer.write(bytes([byte]))

        assert await ended == b""
        assert scripted.server.connections.expired == 1
        writer.close()


async def test_an_answer_that_is_not_read_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds a connection no longer than a silent one does."""
    monkeypatch.setattr(connections, "IDLE_TIMEOUT", 0.5)
    async with served() as scripted:
        huge = replace(scripted.controls.shown, agent_name="x" * 20_000_000)
        scripted.controls.shown = huge
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", scripted.port))
        await asyncio.get_running_loop().sock_sendall(
            sock, b"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        async with asyncio.timeout(SOON):
            while not scripted.server.connections.expired:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.02)

        assert scripted.server.connections.count == 0
        sock.close()


async def test_a_body_that_stops_half_way_has_a_deadline(
    locked: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handler's own."""
    monkeypatch.setattr(answers, "HANDLER_TIMEOUT", 0.2)
    head = (
        f"POST /api/v1/drain HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {WORD}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", locked.port)
    writer.write(head.encode())

    assert b"504" in await within(now() + SOON, reader.readline())

    writer.close()


async def test_a_journal_that_hangs_is_not_waited_for_for_ever(
    open_one: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And holds up nobody else meanwhile."""
    monkeypatch.setattr(answers, "HANDLER_TIMEOUT", 0.5)
    open_one.controls.hangs.clear()

    slow = asyncio.ensure_future(code_of(open_one, "GET", "/api/v1/jobs"))
    assert (await ask(open_one, "GET", STATUS_PATH))[0] == 200

    assert await slow == (504, "timeout")


# -- where it listens ----------------------------------------------------------------


async def test_the_name_localhost_is_one_port_on_each_of_its_addresses() -> None:
    """Port 0 takes a free one for all."""
    async with served(host="localhost") as scripted:
        found = await asyncio.get_running_loop().getaddrinfo(
            "localhost", scripted.port, type=socket.SOCK_STREAM
        )
        for family in {each[0] for each in found}:
            host = "[::1]" if family == socket.AF_INET6 else "127.0.0.1"
            async with aiohttp.ClientSession() as session:
                answer = await session.get(f"http://{host}:{scripted.port}{STATUS_PATH}")
                assert answer.status == 200


async def test_ipv6_is_served_by_its_own_address() -> None:
    """With brackets in the URL."""
    async with served(host="::1") as scripted, aiohttp.ClientSession() as session:
        answer = await session.get(f"http://[::1]:{scripted.port}{STATUS_PATH}")
        assert answer.status == 200


async def test_a_port_that_is_taken_is_told_with_a_remedy(open_one: Scripted) -> None:
    """And nothing is left open."""
    with pytest.raises(PortBusy, match=r"can't listen on 127\.0\.0\.1:\d+: .*--port"):
        async with served(port=open_one.port):
            pass


async def test_a_host_that_is_none_is_told() -> None:
    """As an error of the start."""
    with pytest.raises(PortBusy, match=r"can't listen on no\.such\.host\.invalid"):
        async with served(host="no.such.host.invalid", http_token=WORD):
            pass


async def test_a_socket_that_is_inherited_is_served_and_stays_open() -> None:
    """systemd holds it over restarts; the settings' port is not taken."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        for _ in range(2):
            async with served(sockets=[given], port=1) as scripted:
                assert scripted.port == given.getsockname()[1]
                assert (await ask(scripted, "GET", "/healthz"))[0] == 200
        assert given.fileno() > 0


async def test_a_socket_that_others_reach_needs_a_token_too() -> None:
    """Whatever the settings' host says."""
    with socket.create_server(("0.0.0.0", 0)) as given:
        with pytest.raises(SettingsError, match=r"was passed for HTTP \(0\.0\.0\.0:"):
            async with served(sockets=[given]):
                pass
        async with served(sockets=[given], http_token=WORD) as scripted:
            assert await code_of(scripted, "GET", STATUS_PATH) == (401, "unauthorized")


async def test_a_socket_of_another_kind_is_refused(workdir: Path) -> None:
    """With what to write into the unit."""
    with socket.socket(socket.AF_UNIX) as given:
        given.bind(str(workdir / "s"))
        given.listen()
        with pytest.raises(SettingsError, match="ListenStream"):
            async with served(sockets=[given]):
                pass


# -- TLS -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of our own, and its key."""
    root = tmp_path_factory.mktemp("pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", root / "key.pem", "-out", root / "cert.pem", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return root


async def test_https_is_served_with_a_certificate(pem: Path) -> None:
    """And plain HTTP is not, then."""
    cert, key = str(pem / "cert.pem"), str(pem / "key.pem")
    async with (
        served(host="localhost", tls_cert=cert, tls_key=key) as scripted,
        aiohttp.ClientSession() as session,
    ):
        trusted = ssl.create_default_context(cafile=cert)
        url = f"https://localhost:{scripted.port}{STATUS_PATH}"
        assert (await session.get(url, ssl=trusted)).status == 200
        with pytest.raises(aiohttp.ClientError):
            await session.get(url.replace("https", "http"))


@pytest.mark.parametrize(
    ("cert", "key", "words"),
    [
        ("gone.pem", "key.pem", "tls_cert: '.*gone.pem' can't be read: No such file"),
        ("cert.pem", "gone.pem", "tls_key: '.*gone.pem' can't be read: No such file"),
        ("key.pem", "key.pem", "can't be used together"),
        ("cert.pem", "cert.pem", "can't be used together"),
    ],
)
async def test_a_certificate_that_can_not_be_used_is_told(
    pem: Path, cert: str, key: str, words: str
) -> None:
    """At the start, with what it must be."""
    with pytest.raises(SettingsError, match=words):
        async with served(tls_cert=str(pem / cert), tls_key=str(pem / key)):
            pass


# -- the daemon's own loop -----------------------------------------------------------


def test_it_serves_on_the_daemons_own_loop() -> None:
    """uvloop has its own sockets and its own transports."""

    async def look() -> int:
        async with served() as scripted:
            status, _, _ = await ask(scripted, "GET", STATUS_PATH)
            assert scripted.server.connections.expired == 0
            return status

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(look()) == 200


def test_settings_are_not_shown() -> None:
    """Of the two that hold the token."""
    assert WORD not in repr(HttpSettings(http_token=WORD))
    assert "http_token" not in StatusView.__struct_fields__
