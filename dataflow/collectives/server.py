"""Through a server: a host's memory or a processor that contributes nothing, as rank n.

Everything crosses the server's port. When the data is cut into pieces, a piece goes down while the next
ones come up. Each function is for two ranks or more.
"""

from __future__ import annotations

from collections.abc import Sequence

from dataflow.collectives.moves import Move


def server_all_reduce(ranks: int) -> list[list[Move]]:
    """All send to the server, which adds and sends the sum to all; one block."""
    return [_sum_at_server(range(ranks), ranks, (0,)), _send_to_all(range(ranks), ranks, (0,))]


def server_reduce_scatter(parts: Sequence[tuple[int, ...]]) -> list[list[Move]]:
    """All send all they have; the server adds and sends each rank its part."""
    n = len(parts)
    everything = tuple(block for part in parts for block in part)
    down = [Move(n, rank, parts[rank], adds=False) for rank in range(n)]
    return [_sum_at_server(range(n), n, everything), down]


def server_all_gather(parts: Sequence[tuple[int, ...]]) -> list[list[Move]]:
    """All send their part; the server sends each rank the parts of the others."""
    n = len(parts)
    up = [Move(rank, n, parts[rank], adds=False) for rank in range(n)]
    down = [
        Move(
            n, rank, tuple(block for owner in range(n) if owner != rank for block in parts[owner]), adds=False
        )
        for rank in range(n)
    ]
    return [up, down]


def server_all_to_all(ranks: int) -> list[list[Move]]:
    """All send what is for others in one message, and get what is for them in one."""
    others = [[peer for peer in range(ranks) if peer != rank] for rank in range(ranks)]
    up = [Move(r, ranks, tuple(r * ranks + peer for peer in others[r]), adds=False) for r in range(ranks)]
    down = [Move(ranks, r, tuple(peer * ranks + r for peer in others[r]), adds=False) for r in range(ranks)]
    return [up, down]


def server_broadcast(ranks: int, root: int) -> list[list[Move]]:
    """The root sends once, the server to each other rank; one block."""
    others = [rank for rank in range(ranks) if rank != root]
    return [[Move(root, ranks, (0,), adds=False)], _send_to_all(others, ranks, (0,))]


def server_reduce(ranks: int, root: int) -> list[list[Move]]:
    """All but the root send to the server, which adds; the root adds that sum to its own; one block."""
    others = [rank for rank in range(ranks) if rank != root]
    return [_sum_at_server(others, ranks, (0,)), [Move(ranks, root, (0,), adds=True)]]


def _sum_at_server(senders: Sequence[int], server: int, blocks: tuple[int, ...]) -> list[Move]:
    """One message from each sender; the first replaces, since the server begins with nothing."""
    return [Move(rank, server, blocks, adds=place > 0) for place, rank in enumerate(senders)]


def _send_to_all(receivers: Sequence[int], server: int, blocks: tuple[int, ...]) -> list[Move]:
    """One message to each receiver."""
    return [Move(server, rank, blocks, adds=False) for rank in receivers]
