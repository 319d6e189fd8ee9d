"""Model files, and the services whose keys are here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

import aiohttp
from msgspec import Struct

from agentd.aio.timing import monotonic
from agentd.credentials import find_credential
from agentd.doctor.facts import ModelAnswer, ModelAnswers, ModelsQuestion
from agentd.doctor.finding import Finding, Unexaminable, failure, gravest, ok, skipped, warning
from agentd.doctor.patient import Patient
from agentd.doctor.spawned import ask_probe
from agentd.doctor.threads import in_thread
from agentd.errors import MissingCredential, ModelFetchError
from agentd.models.cache import FileState, verify
from agentd.models.fetch import Fetcher
from agentd.models.files import ModelFile, cached_path
from agentd.models.index import index_url
from agentd.models.needs import Need, needed_files
from agentd.settings.paths import models_directory

PROBE_SECONDS = 4.0

OK = 200
REFUSED = (401, 403)


# -- files -----------------------------------------------------------------------------


class FileFact(Struct, frozen=True, kw_only=True):
    """A model's file."""

    need: Need
    state: FileState


def judge_files(files: Iterable[FileFact], wanted: frozenset[str] | None) -> Finding:
    """Those of the plugins that the app uses are there. `wanted` None: no app is known."""
    files = tuple(files)
    if not files:
        return skipped("no installed plugin has model files")
    findings, unused = [], []
    for each in files:
        if each.state is FileState.READY:
            continue
        text = f"{each.need.plugin}: {each.need.file.name} is {each.state}"
        remedy = f"agentd models fetch {each.need.plugin}"
        if wanted is None:
            findings.append(warning(text, remedy))
        elif each.need.plugin in wanted:
            findings.append(failure(text, remedy))
        else:
            unused.append(text)
    if findings:
        return gravest(findings)
    ready = [each.need.file for each in files if each.state is FileState.READY]
    size = sum(file.size for file in ready) / 1e6
    told = [f"{len(ready)} files, {size:.0f} MB, each with its hash"] if ready else []
    return ok("; ".join([*told, *(f"{each}, which this app does not use" for each in unused)]))


async def model_files(patient: Patient) -> Finding:
    return judge_files(
        await in_thread(lambda: file_facts(models_directory(patient.environ))),
        await wanted_plugins(patient),
    )


def file_facts(directory: Path) -> list[FileFact]:
    """Reads every file whole."""
    return [
        FileFact(need=need, state=verify(need.file, cached_path(need.file, directory)))
        for need in needed_files()
    ]


async def wanted_plugins(patient: Patient) -> frozenset[str] | None:
    """The plugins that the app imports, or whose local models it names; None without an app."""
    try:
        facts = await patient.app()
    except Unexaminable:
        return None
    assert facts.info is not None
    named = {ref.target.partition(".")[0].removeprefix("agentd_") for ref in facts.info.models}
    return frozenset(named | set(facts.plugins))


async def fetch_files(patient: Patient) -> str:
    """The fix: what is missing or damaged is fetched."""
    directory = models_directory(patient.environ)
    facts = await in_thread(lambda: file_facts(directory))
    missing = [each.need.file for each in facts if each.state is not FileState.READY]
    async with Fetcher(directory, index=index_url(patient.environ)) as fetcher:
        return "; ".join([await _fetched(fetcher, file) for file in missing])


async def _fetched(fetcher: Fetcher, file: ModelFile) -> str:
    try:
        return f"fetched '{await fetcher.fetch(file)}'"
    except ModelFetchError as error:
        return f"'{file.name}' could not be fetched: {error}"


# -- services --------------------------------------------------------------------------


class Service(Struct, frozen=True, kw_only=True):
    """One whose key is asked about by listing models, which costs nothing."""

    name: str
    key: str
    """Of its key, in the environment or a credential."""
    url: str
    url_variable: str = ""
    header: str = "Authorization"
    prefix: str = "Bearer "


SERVICES = (
    Service(
        name="OpenAI",
        key="OPENAI_API_KEY",
        url="https://api.openai.com/v1",
        url_variable="OPENAI_BASE_URL",
    ),
    Service(name="Groq", key="GROQ_API_KEY", url="https://api.groq.com/openai/v1"),
    Service(name="DeepSeek", key="DEEPSEEK_API_KEY", url="https://api.deepseek.com/v1"),
    Service(name="Cerebras", key="CEREBRAS_API_KEY", url="https://api.cerebras.ai/v1"),
    Service(name="Mistral", key="MISTRAL_API_KEY", url="https://api.mistral.ai/v1"),
    Service(name="xAI", key="XAI_API_KEY", url="https://api.x.ai/v1"),
    Service(name="Together", key="TOGETHER_API_KEY", url="https://api.together.xyz/v1"),
    Service(
        name="Deepgram",
        key="DEEPGRAM_API_KEY",
        url="https://api.deepgram.com/v1",
        prefix="Token ",
    ),
    Service(
        name="ElevenLabs",
        key="ELEVEN_API_KEY",
        url="https://api.elevenlabs.io/v1",
        header="xi-api-key",
        prefix="",
    ),
)


class ServiceFact(Struct, frozen=True, kw_only=True):
    """What a service said to our key."""

    name: str
    key: str
    origin: str
    status: int = 0
    seconds: float = 0.0
    error: str = ""


def judge_services(services: Iterable[ServiceFact], models: Iterable[ModelAnswer]) -> Finding:
    """Every key is taken, and every model that the app has at its top level answers."""
    findings = [judge_service(each) for each in services]
    findings += [judge_model(each) for each in models]
    if not findings:
        return skipped(
            "no key of a service that is known here, and no model at the app's top level"
        )
    return gravest(findings)


def judge_service(fact: ServiceFact) -> Finding:
    """One key."""
    if fact.error:
        return warning(f"{fact.name}: {fact.error}", f"can this host reach it? {fact.key}")
    text = f"{fact.name} answered HTTP {fact.status} to {fact.key} ({fact.origin})"
    if fact.status in REFUSED:
        return failure(text, f"a new key for {fact.name} in {fact.key}")
    if fact.status != OK:
        return warning(text, f"is {fact.name} well? Its status page says")
    return ok(f"{text} in {fact.seconds * 1000:.0f} ms")


def judge_model(answer: ModelAnswer) -> Finding:
    """One model of the app's."""
    if answer.error:
        return failure(f"{answer.label}: {answer.error}", "the evidence says what to mend")
    return ok(f"{answer.label} answered in {answer.seconds * 1000:.0f} ms")


async def providers(patient: Patient) -> Finding:
    services, models = await asyncio.gather(service_facts(patient.environ), model_answers(patient))
    return judge_services(services, models)


async def service_facts(environ: Mapping[str, str]) -> list[ServiceFact]:
    """All services whose key is here, asked at once."""
    timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as http:
        asked = [_ask(http, service, environ) for service in SERVICES]
        return [fact for fact in await asyncio.gather(*asked) if fact is not None]


async def _ask(
    http: aiohttp.ClientSession, service: Service, environ: Mapping[str, str]
) -> ServiceFact | None:
    try:
        found = find_credential(service.key, environ)
    except MissingCredential as error:
        return ServiceFact(name=service.name, key=service.key, origin="", error=str(error))
    if found is None:
        return None
    base = environ.get(service.url_variable, "").strip() or service.url
    headers = {service.header: f"{service.prefix}{found.value}"}
    began_at = monotonic()
    try:
        async with http.get(f"{base.rstrip('/')}/models", headers=headers) as answer:
            return ServiceFact(
                name=service.name,
                key=service.key,
                origin=found.origin,
                status=answer.status,
                seconds=monotonic() - began_at,
            )
    except (aiohttp.ClientError, OSError) as error:
        reason = str(error) or type(error).__name__
        return ServiceFact(name=service.name, key=service.key, origin=found.origin, error=reason)


async def model_answers(patient: Patient) -> tuple[ModelAnswer, ...]:
    """What the app's own models say; none where the app has none at its top level."""
    try:
        facts = await patient.app()
    except Unexaminable:
        return ()
    if not facts.models or patient.app_ref is None:
        return ()
    question = ModelsQuestion(app=patient.app_ref, timeout=PROBE_SECONDS)
    answers, _ = await ask_probe("models", question, ModelAnswers, patient.probe_environment())
    return answers.models
