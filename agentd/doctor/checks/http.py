"""The daemon's own HTTP server: who may ask it, and by which certificate it is known."""

from __future__ import annotations

import ssl
from contextlib import suppress

from msgspec import structs

from agentd.aio.timing import wall_time
from agentd.doctor.finding import Finding, failure, ok, skipped, warning
from agentd.doctor.patient import Patient
from agentd.doctor.threads import in_thread
from agentd.settings.model import HttpSettings

from .server import CERTIFICATE_DAYS, CertificateFacts, read_certificate
from .settings import is_loopback

# -- the token -----------------------------------------------------------------------


def judge_token(http: HttpSettings) -> Finding:
    """What listens beyond loopback must know who asks."""
    if is_loopback(http.host):
        has = "a token is set" if http.http_token else "looking needs no token, steering has none"
        return ok(f"HTTP listens on {http.host}: {has}")
    if not http.http_token:
        return failure(
            f"HTTP listens on {http.host} and no http_token is set: a daemon does not start so",
            'set AGENTD_HTTP_TOKEN (openssl rand -hex 32), or host = "127.0.0.1" under [http]',
        )
    return ok(f"HTTP listens on {http.host}, with a token")


async def token(patient: Patient) -> Finding:
    return judge_token((await patient.settings()).http)


# -- the certificate -----------------------------------------------------------------


def judge_files(http: HttpSettings, facts: CertificateFacts | None) -> Finding:
    """Certificate and key can be read, belong together, and are valid for a while yet."""
    if facts is None:
        return skipped("HTTP is served without TLS: tls_cert and tls_key are not set")
    if not (http.tls_cert and http.tls_key):
        missing = "tls_key" if http.tls_cert else "tls_cert"
        return failure(f"{missing} is not set, and the other is", f"set {missing} under [http]")
    text = f"'{http.tls_cert}' and '{http.tls_key}'"
    if facts.error:
        return failure(
            f"{text} can't be used: {facts.error}",
            "renew the certificate; tls_key must be its key, as PEM and without a password",
        )
    left = f"{text}: {facts.days_left:.0f} days left"
    if facts.days_left < CERTIFICATE_DAYS:
        return warning(left, "renew it, then restart the daemon: its calls go on")
    return ok(left)


async def certificate(patient: Patient) -> Finding:
    http = (await patient.settings()).http
    if not (http.tls_cert or http.tls_key):
        return judge_files(http, None)
    if not (http.tls_cert and http.tls_key):
        return judge_files(http, CertificateFacts(host=http.host))
    return judge_files(http, await in_thread(lambda: try_files(http.tls_cert, http.tls_key)))


def try_files(certificate_: str, key: str) -> CertificateFacts:
    """Shake hands with ourselves, in memory: so the key is proved, and the dates can be read."""
    facts = CertificateFacts(host="HTTP")
    try:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Without a password of ours OpenSSL would ask for one at the terminal.
        server.load_cert_chain(certificate_, key, password="")
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.load_verify_locations(certificate_)
        # The certificate itself is trusted here: only its dates are of interest.
        client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return read_certificate(facts, _shaken(client, server), wall_time())
    except ssl.SSLCertVerificationError as error:
        return structs.replace(facts, error=error.verify_message or str(error))
    except ssl.SSLError as error:
        return structs.replace(facts, error=error.reason or str(error))
    except OSError as error:
        return structs.replace(facts, error=error.strerror or str(error))


def _shaken(client: ssl.SSLContext, server: ssl.SSLContext) -> ssl.SSLObject:
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there, server_side=False)
    answering = server.wrap_bio(there, back, server_side=True)
    for side in (asking, answering, asking):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return asking
