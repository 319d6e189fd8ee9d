"""agentd.toml as text."""

from __future__ import annotations

import pytest

from agentd.errors import SettingsError
from agentd.settings.configfile import parse_config


def test_values_are_read_by_section() -> None:
    """A file gives a layer of values that know their section."""
    layer = parse_config('[livekit]\nurl = "ws://a"\n[http]\nport = 1', path="x.toml")

    assert layer.values == {"url": "ws://a", "port": 1}
    assert layer.origins == {"url": "x.toml [livekit]", "port": "x.toml [http]"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[pol]\nmax_jobs = 1", "x.toml: there is no section [pol]: did you mean 'pool'?"),
        (
            "[pool]\nmax_job = 1",
            "x.toml [pool]: there is no setting 'max_job': did you mean 'max_jobs'?",
        ),
        (
            "[pool]\nport = 1",
            "x.toml [pool]: there is no setting 'port': it belongs under [http]",
        ),
        ("port = 1", "x.toml: 'port' stands outside of a section: it belongs under [http]"),
        (
            "[http]\nport = [1]",
            "x.toml [http]: port is a list; it must be a whole number from 0 to 65535",
        ),
        ("[http", "x.toml is no valid TOML: Expected ']' at the end of a table declaration"),
    ],
)
def test_a_wrong_file_is_refused_with_the_right_word(text: str, message: str) -> None:
    """The error names the file, the place and the name that was probably meant."""
    with pytest.raises(SettingsError) as caught:
        parse_config(text, path="x.toml")

    assert str(caught.value).startswith(message)
