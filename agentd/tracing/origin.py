"""Who sends spans and figures: what OpenTelemetry calls a resource.

The library finds that out by threads of its own, which must not be in a template, and costs a job
a few milliseconds: it is asked to only where the environment names detectors.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from uuid import uuid4

from opentelemetry.sdk.environment_variables import OTEL_EXPERIMENTAL_RESOURCE_DETECTORS
from opentelemetry.sdk.resources import (
    PROCESS_PID,
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    SERVICE_VERSION,
    TELEMETRY_SDK_LANGUAGE,
    TELEMETRY_SDK_NAME,
    TELEMETRY_SDK_VERSION,
    OTELResourceDetector,
    Resource,
)

from agentd.settings.load import environment


def origin_of(service_name: str, own_version: str) -> Resource:
    """This process; without a name the environment has one. Its variables win."""
    about: dict[str, str | int] = {SERVICE_VERSION: own_version, PROCESS_PID: os.getpid()}
    if service_name:
        about[SERVICE_NAME] = service_name
    if environment().get(OTEL_EXPERIMENTAL_RESOURCE_DETECTORS):
        return Resource.create(about)
    about |= {
        SERVICE_INSTANCE_ID: str(uuid4()),
        TELEMETRY_SDK_LANGUAGE: "python",
        TELEMETRY_SDK_NAME: "opentelemetry",
        TELEMETRY_SDK_VERSION: version("opentelemetry-sdk"),
    }
    return Resource(about).merge(OTELResourceDetector().detect())
