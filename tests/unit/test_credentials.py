"""Where keys come from, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentd.credentials import (
    MAX_BYTES,
    credential,
    find_credential,
    optional_credential,
    remember_environment,
)
from agentd.errors import MissingCredential, ModelError
from agentd.masking import masked

NAME = "CREDTEST_API_KEY"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the machine's own."""
    for name in (NAME, f"{NAME}_FILE", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def test_the_first_of_four_places_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argument, variable, file, systemd's credential, in this order."""
    (tmp_path / "file").write_text("from-file\n")
    (tmp_path / NAME.lower()).write_text("from-systemd\r\n")
    found = []

    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    found.append(credential(NAME))
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "file"))
    found.append(credential(NAME))
    monkeypatch.setenv(NAME, " from-variable ")
    found.append(credential(NAME))
    found.append(credential(NAME, "from-argument\n"))

    assert found == ["from-systemd", "from-file", "from-variable", "from-argument"]


@pytest.mark.parametrize("empty", ["", "  \n", None])
def test_what_is_empty_counts_as_not_given(
    empty: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`api_key=os.environ.get(...)` of an older app may hand on nothing at all."""
    monkeypatch.setenv(NAME, "from-variable")

    assert credential(NAME, empty) == "from-variable"


def test_the_error_names_every_way_to_give_a_key() -> None:
    """Who reads it knows what to do, also where only ValueError is caught."""
    with pytest.raises(MissingCredential) as caught:
        credential(NAME)

    ways = ("an argument", f"set {NAME} ", f"{NAME}_FILE", f"LoadCredential={NAME}:")
    assert all(way in str(caught.value) for way in ways)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, ModelError)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        ("directory", "Is a directory"),
        (b"\n", "it is empty"),
        (b"\xff\xfe\x00", "it is not UTF-8 text"),
        (b"x" * (MAX_BYTES + 1), "larger than 64 KiB"),
    ],
)
def test_a_file_that_is_no_use_says_why(
    content: bytes | str | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that was named is never silently another one's."""
    path = tmp_path / "key"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()
    monkeypatch.setenv(f"{NAME}_FILE", str(path))

    with pytest.raises(MissingCredential, match=reason) as caught:
        credential(NAME)

    assert str(path) in str(caught.value)
    assert caught.value.__cause__ is None


def test_it_is_told_where_a_key_came_from_and_not_which(tmp_path: Path) -> None:
    """For `agentd config`."""
    (tmp_path / NAME).write_text("a-key-from-systemd")

    found = find_credential(NAME, {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert found is not None
    assert found.origin == f"systemd credential {NAME}"
    assert "a-key-from-systemd" not in repr(found)


def test_whoever_gets_a_key_has_it_masked() -> None:
    """Also one that was given as an argument, of which no environment knows."""
    key = credential(NAME, "planted-argument-key")

    assert masked(f"got {key}!") == "got ***!"


def test_the_environment_is_masked_by_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables called like a secret, the files that they name, and systemd's credentials."""
    (tmp_path / "anything").write_text("planted-in-systemd\n")
    (tmp_path / "file").write_text("planted-in-file\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("OTHER_TOKEN_FILE", str(tmp_path / "file"))
    monkeypatch.setenv("CRM_PASSWORD_OLD", "planted-password")
    monkeypatch.setenv("MAX_TOKENS", "planted-nothing")
    monkeypatch.setenv("SHORT_SECRET", "secret")

    remember_environment()

    text = "planted-in-systemd planted-in-file planted-password planted-nothing secret"
    assert masked(text) == "*** *** *** planted-nothing secret"


def test_a_key_that_need_not_be_there_is_empty_but_a_bad_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who names a file wants it to be used: a wrong one must not look like none."""
    monkeypatch.delenv(NAME, raising=False)
    assert optional_credential(NAME) == ""

    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "missing"))

    with pytest.raises(MissingCredential, match="No such file"):
        optional_credential(NAME)
