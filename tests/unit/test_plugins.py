"""Tests of agentd.plugins."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agentd import plugins
from agentd.errors import PluginNotFound


def test_an_installed_plugin_is_imported_by_its_short_name() -> None:
    """`from agentd.plugins import webrtcvad` gives the package of the distribution."""
    from agentd.plugins import webrtcvad

    assert webrtcvad.__name__ == "agentd_webrtcvad"


def test_a_missing_plugin_says_what_to_install() -> None:
    """The error is an ImportError and names the distribution."""
    with pytest.raises(PluginNotFound, match="pip install agentd-no-such-plugin") as caught:
        plugins.load("no-such-plugin")

    assert isinstance(caught.value, ImportError)


def test_installed_plugins_are_listed_for_completion() -> None:
    """dir() shows what can be imported."""
    assert "webrtcvad" in dir(plugins)


def test_looking_imports_no_plugin() -> None:
    """Listing what is installed loads none of it."""
    code = (
        "import sys; from agentd import plugins; plugins.installed(); "
        "sys.exit('agentd_webrtcvad' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
