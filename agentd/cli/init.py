"""`agentd init`: a new agent's project, which passes its own tests."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

import click
from msgspec import Struct

from agentd.errors import DirectoryUnusable

_EPILOG = """\
\b
Examples:
  agentd init shop
  agentd init calls/support --name support-line --template openai

The directory must be new or empty. It has an agent with a tool, tests that pass, a
script for `agentd call`, a Dockerfile and a README that says what comes next.
"""

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MAX_NAME = 50

COMMON = {
    "pyproject.toml": "pyproject.toml",
    "test_agent.py": "tests/test_agent.py",
    "talk.yaml": "talk.yaml",
    "readme.md": "README.md",
    "dockerfile": "Dockerfile",
    "env.example": ".env.example",
    "gitignore": ".gitignore",
}
"""What all templates share, and where it goes."""


class Kind(Struct, frozen=True, kw_only=True):
    """What is different in a template."""

    plugins: tuple[str, ...]
    keys: tuple[str, ...] = ()
    """Variables that the models need."""
    fetches: bool = False
    """Whether models are fetched to this machine."""


KINDS = {
    "local": Kind(plugins=("moonshine", "piper", "rules", "silero"), fetches=True),
    "openai": Kind(plugins=("openai", "silero"), keys=("OPENAI_API_KEY",)),
}


@click.command(epilog=_EPILOG)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--name", help="Of the project and its agent; the directory's, unless given.")
@click.option(
    "--template",
    default="local",
    show_default=True,
    type=click.Choice(list(KINDS)),
    help="Models on this machine, or OpenAI's.",
)
def init(directory: Path, name: str | None, template: str) -> None:
    """Write a new agent's project into DIR."""
    chosen = checked_name(name if name is not None else directory.resolve().name)
    check_directory(directory)
    for path, text in project(chosen, template).items():
        _write(directory, path, text)
    click.echo(f"{directory}: the agent '{chosen}' is written. Next, in it:")
    click.echo("  pytest                            its tests")
    click.echo("  agentd console agent.py --text    talk to it")
    click.echo("README.md says what comes after that.")


def checked_name(name: str) -> str:
    """A name that packages and agents may have; raises click's error for another."""
    if NAME.fullmatch(name) and len(name) <= MAX_NAME:
        return name
    raise click.BadParameter(
        f"'{name}' can't be a project's name: small letters, digits and single hyphens, such as "
        f"'front-desk', {MAX_NAME} at most; --name gives another than the directory's",
        param_hint="--name",
    )


def project(name: str, template: str) -> dict[str, str]:
    """Each file of a new project with its text."""
    kind, starter = KINDS[template], files("agentd.cli") / "starter"
    needs = ["agentd", *(f"agentd-{plugin}" for plugin in kind.plugins)]
    values = {
        "name": name,
        "cls": "".join(part.capitalize() for part in name.split("-")) + "Agent",
        "dependencies": "\n".join(f'    "{need}",' for need in needs),
        "keys": "".join(f"{key}=\n" for key in kind.keys),
        "fetch": "agentd models fetch                      # once\n" if kind.fetches else "",
    }
    sources = {target: starter / "common" / f"{source}.txt" for source, target in COMMON.items()}
    sources["agent.py"] = starter / template / "agent.py.txt"
    return {
        target: Template(source.read_text("utf-8")).substitute(values)
        for target, source in sources.items()
    }


def _write(directory: Path, path: str, text: str) -> None:
    target = directory / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    except OSError as error:
        raise DirectoryUnusable(f"'{target}' could not be written: {error.strerror}") from error


def check_directory(directory: Path) -> None:
    """Nothing of the user's is written over; raises DirectoryUnusable."""
    if directory.exists() and not directory.is_dir():
        raise DirectoryUnusable(f"'{directory}' is no directory")
    if directory.is_dir() and any(directory.iterdir()):
        raise DirectoryUnusable(
            f"'{directory}' is not empty, and nothing in it is written over: name a new directory"
        )
