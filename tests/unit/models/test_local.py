"""Tests of agentd.models.local, ref and failure: where a model runs, and how it is made."""

from __future__ import annotations

import os

import pytest

from agentd.errors import ModelBusy, ModelError, ModelFileMissing, ModelNotHosted
from agentd.models import ModelRef, local_model
from agentd.models.failure import error_of, failure_of
from agentd.models.local import host_for
from agentd.models.ref import make_runner
from agentd.settings.load import HOSTED_MODELS_VARIABLE, MODEL_HOST_VARIABLE
from tests.support.toy_model import ToyModel, toy

REF = toy()
OTHER = toy(word="other ")


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({}, ""),
        ({HOSTED_MODELS_VARIABLE: REF.key}, ""),
        ({MODEL_HOST_VARIABLE: "/run/m"}, "/run/m"),
        ({MODEL_HOST_VARIABLE: "/run/m", HOSTED_MODELS_VARIABLE: ""}, ""),
        ({MODEL_HOST_VARIABLE: "/run/m", HOSTED_MODELS_VARIABLE: OTHER.key}, ""),
        (
            {MODEL_HOST_VARIABLE: "/run/m", HOSTED_MODELS_VARIABLE: f"{OTHER.key} {REF.key}"},
            "/run/m",
        ),
    ],
)
def test_a_model_is_hosted_where_there_is_a_host_that_has_it(
    environ: dict[str, str], path: str
) -> None:
    """Without a list the host itself is asked."""
    assert host_for(REF, environ) == path


async def test_without_a_host_a_model_runs_here() -> None:
    """As outside a daemon."""
    model = local_model(OTHER)

    assert await model.run(b"echo word") == b"other word"
    assert [part async for part in model.stream(b"count 2")] == [b"0", b"1"]
    assert await model.run(b"pid") == str(os.getpid()).encode()
    model.close()
    with pytest.raises(ModelError, match="toy is closed"):
        await model.run(b"pid")


async def test_where_it_runs_is_found_out_at_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app makes its models in the template, before anybody knows which are hosted."""
    monkeypatch.setenv(MODEL_HOST_VARIABLE, "/nowhere")
    model = local_model(REF)
    monkeypatch.setenv(HOSTED_MODELS_VARIABLE, "")

    assert await model.run(b"pid") == str(os.getpid()).encode()
    model.close()


def test_a_runner_is_made_with_its_options() -> None:
    """By their names."""
    runner = make_runner(OTHER)

    assert isinstance(runner, ToyModel)
    assert runner.run(b"echo word") == b"other word"


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        (ModelRef(name="x", target="no_such_package:Model"), "ModuleNotFoundError: No module"),
        (ModelRef(name="x", target="tests.support.toy_model:Nothing"), "AttributeError"),
        (toy(colour="red"), "TypeError: .*unexpected keyword argument 'colour'"),
    ],
)
def test_a_runner_that_cannot_be_made_is_told_with_its_reason(ref: ModelRef, reason: str) -> None:
    """Whatever an import may raise."""
    with pytest.raises(ModelError, match=f"'{ref.name}' can't be made by '{ref.target}': {reason}"):
        make_runner(ref)


def test_a_model_error_of_its_maker_stays_what_it_is() -> None:
    """It has the remedy in it."""
    ref = ModelRef(
        name="piper",
        target="agentd_piper.runner:piper_runner",
        options={"voice": "/gone.onnx", "speed": 1.0, "speaker": None},
    )
    with pytest.raises(ModelError, match=r"^a voice of Piper needs the file '/gone.onnx'"):
        make_runner(ref)


@pytest.mark.parametrize("kind", [ModelError, ModelFileMissing, ModelNotHosted, ModelBusy])
@pytest.mark.parametrize("retryable", [True, False])
def test_an_error_is_the_same_on_the_other_side(kind: type[ModelError], retryable: bool) -> None:
    """Its kind, its text, and whether it may go well a moment later."""
    error = error_of(failure_of(1, kind("run `fetch`", retryable=retryable)))

    assert (type(error), str(error), error.retryable) == (kind, "run `fetch`", retryable)


def test_an_error_of_an_unknown_kind_is_a_model_error() -> None:
    """A plugin may have kinds of its own."""

    class Odd(ModelError):
        code = "odd"

    assert type(error_of(failure_of(1, Odd("why")))) is ModelError
