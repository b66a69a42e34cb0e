"""``dataflow packets``: packet rates of cores, predicted beside measured."""

from __future__ import annotations

from pathlib import Path

import click

from dataflow.cli.options import checked_folder, json_option, out_option, set_option
from dataflow.errors import OptionError
from dataflow.override import Override


@click.command()
@click.argument("experiment")
@click.option("--cores", metavar="N,N,...", help="Numbers of cores; those of the description by default.")
@click.option("--program", "programs", multiple=True, metavar="NAME", help="A program. May be repeated.")
@click.option("--reads", type=click.IntRange(min=0), help="DRAM reads a packet, in place of the programs'.")
@click.option("--atomics", type=click.IntRange(min=0), help="Atomic additions a packet, likewise.")
@set_option
@out_option
@json_option
def packets(
    experiment: str,
    cores: str | None,
    programs: tuple[str, ...],
    reads: int | None,
    atomics: int | None,
    settings: tuple[Override, ...],
    out: str | None,
    as_json: bool,
) -> None:
    """Predict how many packets a second cores handle, such as of nfp-packet-rate (default: to
    results/EXPERIMENT).
    """
    import topologies
    from dataflow.cli.terminal import print_json, print_tables
    from dataflow.packets import packet_rates, with_accesses
    from reports import packets_json, show_packets, write_packets
    from reports.packet_files import FILES

    described = topologies.load_traffic(experiment, settings)
    if reads is not None or atomics is not None:
        described = with_accesses(described, reads, atomics)
    rates = packet_rates(described, programs, _counts(cores))
    folder = checked_folder(f"results/{Path(experiment).name.removesuffix('.yaml')}" if out is None else out)
    write_packets(described, rates, folder)
    if as_json:
        print_json(packets_json(described, rates))
    else:
        print_tables(show_packets(described, rates))
    click.echo(f"Packet rates written to {folder} ({', '.join(FILES)})", err=as_json)


def _counts(text: str | None) -> tuple[int, ...]:
    """Numbers between commas. Raises OptionError for anything else."""
    if text is None:
        return ()
    counts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in counts):
        raise OptionError(f"--cores {text}: must be numbers from 1 with commas between, such as 1,10,20")
    return tuple(int(part) for part in counts)
