"""Tests of agentd.caller.script and script_file: what a script may say, and where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.caller.script import Expect, Script, Turn, action_of, shown
from agentd.caller.script_file import MAX_BYTES, read_script
from agentd.errors import SettingsError

EXAMPLE = Path(__file__).parents[3] / "examples" / "talk.yaml"

TOML = """\
agent = "assistant"
variables = {dish = "pizza"}

[[turns]]
expect = {contains = "corner kitchen"}

[[turns]]
say = "How much is a ${dish}?"
[turns.expect]
contains = ["14", "${dish}"]
within = 2
"""


def written(path: Path, text: str, name: str = "talk.yaml") -> Path:
    """A script's file."""
    file = path / name
    file.write_text(text)
    return file


def test_the_example_can_be_read() -> None:
    """With its own variable, and with another."""
    script = read_script(EXAMPLE)
    assert [action_of(turn) for turn in script.turns] == ["", "say", "text"]
    assert script.turns[1].say == "How much is a pizza?"
    assert read_script(EXAMPLE, {"dish": "salad"}).turns[1].expect == Expect(
        contains="14 dollars", lacks="sorry", heard="salad", within=4
    )


def test_the_documentation_shows_the_example() -> None:
    """Which runs in a test; and every key there is."""
    shown = (EXAMPLE.parents[1] / "docs" / "console.md").read_text()
    assert EXAMPLE.read_text() in shown
    for kind in (Script, Turn, Expect):
        assert not [name for name in kind.__struct_fields__ if f"`{name}`" not in shown]


def test_toml_says_the_same(tmp_path: Path) -> None:
    """Variables are filled in everywhere."""
    script = read_script(written(tmp_path, TOML, "talk.toml"))
    assert isinstance(script, Script)
    assert script.turns[1].expect == Expect(contains=["14", "pizza"], within=2)


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        ("{say: hi}", "hi"),
        ("{dtmf: '1#'}", "[dtmf] 1#"),
        ("{silence: 2.5}", "(silent for 2.5 s)"),
        ("{expect: {contains: x}}", "(waits)"),
    ],
)
def test_a_turn_is_shown_in_few_words(turn: str, words: str, tmp_path: Path) -> None:
    """In reports."""
    assert shown(read_script(written(tmp_path, f"turns: [{turn}]")).turns[0]) == words


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "talk.yaml': it is empty"),
        ("turns: []\n", "line 1, turns: turns from 1 to 1000 is possible, but not 0"),
        ("- a\n", "talk.yaml': Expected `object`, got `array`"),
        (
            "turns:\n  - sya: hi\n",
            "line 2, turns[0]: Object contains unknown field `sya` (there are",
        ),
        ("turns:\n  - say: hi\n  - dtmf: 42\n", "line 3, turns[1].dtmf: Expected `str`, got `int`"),
        ("turns:\n  - say: hi\n    wav: x.wav\n", "line 2, turns[0]: a turn does one thing"),
        ("turns:\n  - name: x\n", "line 2, turns[0]: a turn needs one of say, wav"),
        ("turns:\n  - dtmf: '12x'\n", "line 2, turns[0].dtmf: keys are"),
        ("turns:\n  - say: a\n    expect: {}\n", "line 3, turns[0].expect: nothing is expected"),
        (
            "turns:\n  - say: a\n    expect:\n      regex: '('\n",
            "line 4, turns[0].expect.regex: '('",
        ),
        (
            "turns:\n  - say: a\n    expect: {silent: 1, contains: x}\n",
            "line 3, turns[0].expect: an agent that is silent can't have contains",
        ),
        ("turns:\n  - say: a\n    expect: {within: -1}\n", "expect.within: a value from 0 to 3600"),
        ("turns:\n  - say: ${x}\n", "line 2, turns[0].say: there is no variable 'x' (known: none)"),
        (
            "turns:\n  - say: a\n    interrupt_after: 1\n",
            "line 3, turns[0].interrupt_after: the first",
        ),
        ("turns:\n  - say: a\nrepeat: 0\n", "line 3, repeat: a value from 1 to 10000"),
        ("turns:\n  - say: a\n    say: b\n", "line 3, turns[0].say: 'say' is there twice"),
        ("x: &a [1]\ny: *a\n", "aliases (*name) are not understood here"),
        ("turns: [\n", "talk.yaml' can't be read: while parsing"),
        ("!!python/object/apply:os.system [ls]\n", "talk.yaml' can't be read: could not determine"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    """And with the place in the script."""
    with pytest.raises(SettingsError) as error:
        read_script(written(tmp_path, text))

    assert told in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("turns = 1\n", "line 1, turns: Expected `array`"),
        ('[[turns]]\nsay = "a"\n\n[[turns]]\nsay = 1\n', "line 5, turns[1].say: Expected `str`"),
        (
            '[[turns]]\nsay = "a"\n[turns.expect]\nwithin = -1\n',
            "line 4, turns[0].expect.within: a value",
        ),
        ("turns = [\n", "talk.toml' can't be read: Invalid value (at "),
    ],
)
def test_a_mistake_in_toml_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    """As far as the parser tells lines."""
    with pytest.raises(SettingsError) as error:
        read_script(written(tmp_path, text, "talk.toml"))

    assert told in str(error.value)


def test_what_is_no_script_is_refused(tmp_path: Path) -> None:
    """By its name, its size, its letters, or because it is not there."""
    (tmp_path / "big.yaml").write_text("#" * (MAX_BYTES + 1))
    (tmp_path / "bytes.yaml").write_bytes(b"\xff")
    for name, told in {
        "talk.txt": "a script is a .yaml or .toml file",
        "gone.yaml": "can't be read: No such file",
        "big.yaml": "has more than",
        "bytes.yaml": "is not UTF-8",
    }.items():
        with pytest.raises(SettingsError, match=told):
            read_script(tmp_path / name)
