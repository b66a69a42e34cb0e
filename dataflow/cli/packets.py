"""``dataflow packets``: packet rates of cores, predicted beside measured."""

from __future__ import annotations

import json

import click

from dataflow.cli.options import json_option, out_option, report_folder, set_option
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
    from dataflow.packets import predict, with_accesses
    from reports import packets_json, show_packets, write_packets
    from reports.packet_files import FILES

    if cores is not None:
        settings = (*settings, Override("cores", json.dumps(_counts(cores))))
    described = topologies.load_packets(experiment, settings)
    if reads is not None or atomics is not None:
        described = with_accesses(described, reads, atomics)
    prediction = predict(described, programs)
    folder = report_folder(out, described.name)
    write_packets(prediction, folder)
    if as_json:
        print_json(packets_json(prediction))
    else:
        print_tables(show_packets(prediction))
    click.echo(f"Packet rates written to {folder} ({', '.join(FILES)})", err=as_json)


def _counts(text: str) -> tuple[int, ...]:
    """Numbers between commas. Raises OptionError for anything else."""
    counts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in counts):
        raise OptionError(f"--cores {text}: must be numbers from 1 with commas between, such as 1,10,20")
    return tuple(int(part) for part in counts)
