"""Which value wins, and what is said of one that can't be used."""

from __future__ import annotations

import random

import pytest

from agentd.errors import SettingsError
from agentd.settings.configfile import parse_config
from agentd.settings.fields import FIELDS
from agentd.settings.layers import (
    Layer,
    Rank,
    app_layer,
    dev_layer,
    environment_layers,
    flags_layer,
    resolve,
    unknown_variables,
)


def file_layer(text: str) -> Layer:
    return parse_config(text, path="agentd.toml")


FLAG = flags_layer({"max_jobs": "1"})
ENVIRONMENT = environment_layers({"AGENTD_MAX_JOBS": "2"})
FILE = file_layer("[pool]\nmax_jobs = 3")
APP = app_layer({"max_jobs": 4})


@pytest.mark.parametrize(
    ("layers", "value", "origin"),
    [
        ([FLAG, *ENVIRONMENT, FILE, APP], 1, "flag --max-jobs"),
        ([*ENVIRONMENT, FILE, APP], 2, "environment AGENTD_MAX_JOBS"),
        ([FILE, APP], 3, "agentd.toml [pool]"),
        ([APP], 4, "the app"),
        ([], FIELDS["max_jobs"].default, "default"),
    ],
)
def test_the_first_layer_that_has_a_value_wins(
    layers: list[Layer], value: int, origin: str
) -> None:
    """Flags over environment over file over the app over the default, and the origin is told."""
    resolved = resolve(layers)

    assert resolved.settings.pool.max_jobs == value
    assert str(resolved.origin["max_jobs"]) == origin


def test_layers_may_come_in_any_order() -> None:
    """The app's layer arrives last, from the template, and still lies where it belongs."""
    layers = [FLAG, *ENVIRONMENT, FILE, APP, dev_layer()]
    random.Random(7).shuffle(layers)

    assert resolve(layers) == resolve([FLAG, *ENVIRONMENT, FILE, APP, dev_layer()])


def test_every_setting_has_an_origin() -> None:
    """Nothing is set without it being said by what."""
    assert set(resolve([]).origin) == set(FIELDS)


def test_dev_has_defaults_of_its_own_that_the_app_beats() -> None:
    """The app knows better than dev's defaults."""
    resolved = resolve([dev_layer(), app_layer({"port": 9000})])

    assert resolved.settings.log.log_level == "DEBUG"
    assert str(resolved.origin["log_level"]) == "dev default"
    assert resolved.settings.http.port == 9000


@pytest.mark.parametrize(
    ("environ", "app_name", "flags", "expected"),
    [
        ({"LIVEKIT_AGENT_NAME_OVERRIDE": "over", "AGENTD_AGENT_NAME": "x"}, "app", "flag", "over"),
        ({"AGENTD_AGENT_NAME": "ours"}, "app", "", "ours"),
        ({"LIVEKIT_AGENT_NAME": "env"}, "app", "", "app"),
        ({"LIVEKIT_AGENT_NAME": "env"}, "", "", "env"),
        ({"LIVEKIT_AGENT_NAME": "env"}, "", "flag", "flag"),
        ({}, "", "", ""),
    ],
)
def test_the_agents_name_keeps_livekits_own_order(
    environ: dict[str, str], app_name: str, flags: str, expected: str
) -> None:
    """OVERRIDE, then flag and AGENTD_, then the app, then LIVEKIT_AGENT_NAME."""
    given = {"agent_name": flags} if flags else {}
    layers = [flags_layer(given), *environment_layers(environ), app_layer({}, agent_name=app_name)]

    assert resolve(layers).settings.livekit.agent_name == expected


def test_our_variable_beats_livekits() -> None:
    """Where a setting has two names in the environment, AGENTD_ wins."""
    layers = environment_layers({"LIVEKIT_URL": "ws://theirs", "AGENTD_URL": "ws://ours"})
    resolved = resolve(layers)

    assert resolved.settings.livekit.url == "ws://ours"
    assert str(resolved.origin["url"]) == "environment AGENTD_URL"


def test_an_empty_variable_counts_as_not_set() -> None:
    """Compose files leave variables empty."""
    resolved = resolve(environment_layers({"AGENTD_MAX_JOBS": " "}))

    assert resolved.origin["max_jobs"].rank is Rank.DEFAULT


def test_space_around_a_variable_is_dropped() -> None:
    """A secret read from a file ends in a line end."""
    resolved = resolve(environment_layers({"LIVEKIT_API_SECRET": "s3cret\r\n"}))

    assert resolved.settings.livekit.api_secret == "s3cret"


@pytest.mark.parametrize(("word", "level"), [("debug", "DEBUG"), ("Warn", "WARNING")])
def test_words_are_taken_in_any_case(word: str, level: str) -> None:
    """Levels are typed as people type them."""
    assert resolve([flags_layer({"log_level": word})]).settings.log.log_level == level


def test_the_apps_own_word_for_a_setting_is_understood() -> None:
    """AgentServer calls the url ws_url."""
    assert resolve([app_layer({"ws_url": "ws://a"})]).settings.livekit.url == "ws://a"


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            flags_layer({"max_jobs": "0"}),
            "max_jobs: '0' from flag --max-jobs can't be used; "
            "it must be a whole number, 1 or more",
        ),
        (
            flags_layer({"port": "70000"}),
            "port: '70000' from flag --port can't be used; "
            "it must be a whole number from 0 to 65535",
        ),
        (
            environment_layers({"AGENTD_DRAIN_TIMEOUT": "soon"})[0],
            "drain_timeout: 'soon' from environment AGENTD_DRAIN_TIMEOUT can't be used; "
            "it must be a number of seconds, 0 or more",
        ),
        (
            file_layer('[log]\nlog_level = "LOUD"'),
            "log_level: 'LOUD' from agentd.toml [log] can't be used; "
            "it must be one of TRACE, DEBUG, INFO, WARNING, ERROR, CRITICAL",
        ),
        (
            app_layer({"drain_timeout": float("inf")}),
            "drain_timeout: 'inf' from the app can't be used; "
            "it must be a number of seconds, 0 or more",
        ),
        (
            app_layer({"max_job": 3}),
            "there is no setting 'max_job' (the app): did you mean 'max_jobs'?",
        ),
    ],
)
def test_a_value_that_cant_be_used_is_refused_by_name(layer: Layer, message: str) -> None:
    """The error names the setting, the value, where it came from and what is allowed."""
    with pytest.raises(SettingsError) as caught:
        resolve([layer])

    assert str(caught.value) == message


def test_a_losing_value_is_checked_too() -> None:
    """A mistake in the file shows before the flag that hides it is dropped."""
    with pytest.raises(SettingsError, match="agentd.toml"):
        resolve([FLAG, file_layer("[pool]\nmax_jobs = -1")])


def test_a_secret_shows_up_nowhere() -> None:
    """Neither in an error nor in the repr of a layer or of the settings."""
    layer = app_layer({"api_secret": 12345, "url": "ws://a"})
    with pytest.raises(SettingsError) as caught:
        resolve([layer])
    resolved = resolve([flags_layer({"api_secret": "12345"})])

    assert "12345" not in f"{caught.value} {layer!r} {resolved!r}"


def test_variables_that_set_nothing_are_noted() -> None:
    """A typing error in the environment is found."""
    notes = unknown_variables({"AGENTD_MAX_JOB": "1", "AGENTD_CONFIG": "f", "AGENTD_QQ": "1"})

    assert notes == [
        "AGENTD_MAX_JOB sets nothing: did you mean AGENTD_MAX_JOBS?",
        "AGENTD_QQ sets nothing",
    ]
