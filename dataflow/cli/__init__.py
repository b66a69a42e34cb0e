"""The command line, ``dataflow COMMAND``: run, simulate, train, test, study and what else ``--help`` lists.

What a command needs is imported when it runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys

import click

from dataflow.cli.commands import compare, list_shipped, run, show, simulate, verify
from dataflow.cli.features import activations, features, kernels
from dataflow.cli.packets import packets
from dataflow.cli.planning import plan
from dataflow.cli.scaling import scale
from dataflow.cli.serving import load
from dataflow.cli.studying import study
from dataflow.cli.testing import test
from dataflow.cli.training import train
from dataflow.cli.weights import weights
from dataflow.errors import DataflowError, InterruptedSearchError, InterruptedTrainingError

INTERRUPTED = 130
"""The exit code shells use for a program ended by Ctrl-C."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(package_name="dataflow-simulator", prog_name="dataflow")
def dataflow() -> None:
    """Simulate neural-network training on hardware you may not have: computed, timed, verified."""


for command in (
    *(run, simulate, verify, train, test),
    *(weights, features, kernels, activations),
    *(study, plan, scale, load, packets, show, compare, list_shipped),
):
    dataflow.add_command(command)


def main() -> None:
    """Runs the command line. Exit code 0: done; 1: verification failed; 2: the input is at fault."""
    try:
        code = dataflow(standalone_mode=False)
    except click.ClickException as fault:
        fault.show()
        sys.exit(fault.exit_code)
    except (InterruptedSearchError, InterruptedTrainingError) as fault:
        click.echo(f"dataflow: {fault}", err=True)
        sys.exit(INTERRUPTED)
    except DataflowError as fault:
        click.echo(f"dataflow: {fault}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("dataflow: interrupted; no file is left half-written", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has had enough; Python must not complain of it when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as fault:
        click.echo(f"dataflow: {fault}", err=True)
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)
