"""`agentd completion`: what makes a shell complete agentd's commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .main import COMPLETION_VARIABLE

SHELLS = ("bash", "zsh", "fish")

_EPILOG = """\
\b
Examples:
  eval "$(agentd completion bash)"                              in ~/.bashrc
  eval "$(agentd completion zsh)"                               in ~/.zshrc
  agentd completion fish > ~/.config/fish/completions/agentd.fish
"""


@click.command(epilog=_EPILOG)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete agentd's commands."""
    kind = get_completion_class(shell)
    assert kind is not None
    root = context.find_root().command
    click.echo(kind(root, {}, "agentd", COMPLETION_VARIABLE).source())
