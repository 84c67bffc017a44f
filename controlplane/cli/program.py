"""Every command, put together."""

import typer

from controlplane.cli import (
    actions,
    doctor,
    exchange,
    explaining,
    history,
    lookups,
    machine,
    node,
    nouns,
    placing,
    registrations,
    rollouts,
    suspending,
    tokens,
    watching,
)


def _made() -> typer.Typer:
    # Tracebacks of defects are shown as Python writes them: the pretty ones print variables, and with
    # them passwords.
    made = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="A control plane for FreeSWITCH. Exit codes: 0 done, 1 some node failed, 2 wrong use.",
    )
    seeing = (watching, doctor, rollouts, placing, registrations, lookups, explaining)
    for room in (machine, tokens, node, *seeing, suspending, actions, nouns, exchange, history):
        room.add(made)
    return made


app = _made()
