"""Closed forms: how long an algorithm takes when all hops are alike and nobody else sends.

With n ranks, S bytes at one rank, latency a, bandwidth B and c pieces, where t(x) = a + x / B. Sources:

ring: Patarasu and Yuan (2009). halving-doubling, binomial: Thakur, Rabenseifner and Gropp (2005), without
the time to add. tree: of Sanders, Speck and Träff (2009), its rounds counted. chain: Chan, Heimlich,
Purkayastha and van de Geijn (2007). direct, server, hierarchical: the messages that cross one port, counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from dataflow.collectives.lowering import ALGORITHMS
from dataflow.collectives.moves import Collective
from dataflow.collectives.prediction import HopCost, message_ps
from dataflow.errors import PlanError


@dataclass(frozen=True, slots=True)
class Uniform:
    """Ranks that are all equally far from each other.

    size_bytes: of the payload; of all ranks' parts together for all-gather and reduce-scatter; of what
    each rank has for all ranks, itself included, for all-to-all.
    """

    ranks: int
    size_bytes: int
    hop: HopCost
    pieces: int = 1

    def message_ps(self, share: Fraction | int) -> int:
        """One piece of a message that, uncut, carries this share of the bytes."""
        return _part_ps(self.size_bytes, Fraction(share) / self.pieces, self.hop)

    @property
    def rounds(self) -> int:
        """log2 of the ranks; raises PlanError when that is not whole."""
        if self.ranks & (self.ranks - 1):
            raise PlanError(
                f"closed form: {self.ranks} ranks; this one holds for powers of two, predict instead"
            )
        return self.ranks.bit_length() - 1

    def uncut(self) -> Uniform:
        """Itself when its messages are not cut; raises PlanError otherwise."""
        if self.pieces > 1:
            raise PlanError(f"closed form: {self.pieces} pieces; this one holds for 1 piece, predict instead")
        return self


def ring_ps(u: Uniform, phases: int) -> int:
    """``phases`` (n - 1) c t(S / (n c)): 1 for a gather or a scatter, 2 for an all-reduce."""
    return phases * (u.ranks - 1) * u.pieces * u.message_ps(Fraction(1, u.ranks))


def chain_ps(u: Uniform) -> int:
    """(n - 1 + c - 1) t(S / c): the last piece leaves c - 1 messages after the first."""
    return (u.ranks - 1 + u.pieces - 1) * u.message_ps(1)


def ring_all_to_all_ps(u: Uniform) -> int:
    """The sum over s = 1 ... n - 1 of t(s S / n): (n - 1) a + (n - 1) / 2 S / B."""
    return sum(u.message_ps(Fraction(step, u.ranks)) for step in range(1, u.ranks))


def halving_ps(u: Uniform, phases: int) -> int:
    """``phases`` times the sum over i = 1 ... log2 n of c t(S / (2^i c)); n a power of two."""
    return phases * u.pieces * sum(u.message_ps(Fraction(1, 2**i)) for i in range(1, u.rounds + 1))


def tree_ps(u: Uniform) -> int:
    """Broadcast and reduce, any n: (floor(log2 n) + ceil(log2 n) + 2 (c - 1)) t(S / (2 c))."""
    floor, ceiling = u.ranks.bit_length() - 1, (u.ranks - 1).bit_length()
    return (floor + ceiling + 2 * (u.pieces - 1)) * u.message_ps(Fraction(1, 2))


def tree_all_reduce_ps(u: Uniform) -> int:
    """One piece, n a power of two: (4 log2 n - 2) t(S / 2)."""
    return (4 * u.uncut().rounds - 2) * u.message_ps(Fraction(1, 2))


def binomial_ps(u: Uniform) -> int:
    """Broadcast and reduce, one piece: ceil(log2 n) t(S)."""
    return (u.ranks - 1).bit_length() * u.uncut().message_ps(1)


def direct_ps(u: Uniform, share: Fraction | int) -> int:
    """(n - 1) c t(share S / c): each port carries n - 1 messages."""
    return (u.ranks - 1) * u.pieces * u.message_ps(share)


def server_ps(u: Uniform, up: Fraction | int, down: Fraction | int) -> int:
    """As many messages up as ranks, for each piece, and as many down; the faster direction hides.

    With up at least as slow as down c n t(up S / c) + n t(down S / c), and the other way round.
    """
    slow, fast = sorted((u.message_ps(up), u.message_ps(down)), reverse=True)
    return u.ranks * (u.pieces * slow + fast)


def server_rooted_ps(u: Uniform) -> int:
    """Broadcast and reduce: 1 + c (n - 1) messages t(S / c) one after the other."""
    return (1 + u.pieces * (u.ranks - 1)) * u.message_ps(1)


_FORMS: Mapping[tuple[Collective, str], Callable[[Uniform], int]] = {
    (Collective.ALL_REDUCE, "ring"): lambda u: ring_ps(u, 2),
    (Collective.ALL_REDUCE, "halving-doubling"): lambda u: halving_ps(u, 2),
    (Collective.ALL_REDUCE, "tree"): tree_all_reduce_ps,
    (Collective.ALL_REDUCE, "direct"): lambda u: direct_ps(u, 1),
    (Collective.ALL_REDUCE, "server"): lambda u: server_ps(u, 1, 1),
    (Collective.ALL_GATHER, "ring"): lambda u: ring_ps(u, 1),
    (Collective.ALL_GATHER, "halving-doubling"): lambda u: halving_ps(u, 1),
    (Collective.ALL_GATHER, "direct"): lambda u: direct_ps(u, Fraction(1, u.ranks)),
    (Collective.ALL_GATHER, "server"): lambda u: server_ps(u, Fraction(1, u.ranks), 1 - Fraction(1, u.ranks)),
    (Collective.REDUCE_SCATTER, "ring"): lambda u: ring_ps(u, 1),
    (Collective.REDUCE_SCATTER, "halving-doubling"): lambda u: halving_ps(u, 1),
    (Collective.REDUCE_SCATTER, "direct"): lambda u: direct_ps(u, Fraction(1, u.ranks)),
    (Collective.REDUCE_SCATTER, "server"): lambda u: server_ps(u, 1, Fraction(1, u.ranks)),
    (Collective.ALL_TO_ALL, "direct"): lambda u: direct_ps(u.uncut(), Fraction(1, u.ranks)),
    (Collective.ALL_TO_ALL, "ring"): lambda u: ring_all_to_all_ps(u.uncut()),
    (Collective.ALL_TO_ALL, "server"): lambda u: server_ps(u.uncut(), *[1 - Fraction(1, u.ranks)] * 2),
    (Collective.BROADCAST, "ring"): chain_ps,
    (Collective.BROADCAST, "halving-doubling"): lambda u: halving_ps(u.uncut(), 2),
    (Collective.BROADCAST, "tree"): tree_ps,
    (Collective.BROADCAST, "binomial"): binomial_ps,
    (Collective.BROADCAST, "direct"): lambda u: direct_ps(u, 1),
    (Collective.BROADCAST, "server"): server_rooted_ps,
    (Collective.REDUCE, "ring"): chain_ps,
    (Collective.REDUCE, "halving-doubling"): lambda u: halving_ps(u.uncut(), 2),
    (Collective.REDUCE, "tree"): tree_ps,
    (Collective.REDUCE, "binomial"): binomial_ps,
    (Collective.REDUCE, "direct"): lambda u: direct_ps(u, 1),
    (Collective.REDUCE, "server"): server_rooted_ps,
}


def closed_form_ps(
    collective: Collective,
    algorithm: str,
    ranks: int,
    size_bytes: int,
    latency_ps: int,
    bytes_per_s: float,
    *,
    pieces: int = 1,
) -> int:
    """How long a collective takes by its formula, every message rounded to the picosecond.

    size_bytes: see ``Uniform``; latency_ps, bytes_per_s: of every message. The functions above state the
    formulas. Equals ``predicted_ps`` when the bytes divide evenly. Raises PlanError where no closed form
    is known; for "hierarchical" see ``hierarchical_ps``.
    """
    form = _FORMS.get((collective, algorithm))
    if form is None:
        known = ", ".join(name for name in ALGORITHMS[collective] if (collective, name) in _FORMS)
        raise PlanError(
            f"closed form: none for {collective.value} by '{algorithm}' on equal hops; "
            f"there are those of {known}"
        )
    return form(Uniform(ranks, size_bytes, (latency_ps, bytes_per_s), pieces)) if ranks > 1 else 0


def hierarchical_ps(
    collective: Collective,
    groups: int,
    group_ranks: int,
    size_bytes: int,
    inside: HopCost,
    between: HopCost,
    *,
    pieces: int = 1,
) -> int:
    """How long "hierarchical" takes with one kind of hop inside groups and one between them.

    With m groups of g ranks, t1 inside and t2 between, each message cut into c pieces:

    all-reduce: 2 (g - 1) c t1(S / (g c)) + 2 (m - 1) c t2(S / (g m c)); all-gather and reduce-scatter: half
    of that; all-to-all: (g - 1) t1(S / g) + (m - 1) t2(S / m); broadcast and reduce in one piece:
    (m - 1) t2(S) + (g - 1) t1(S).

    Raises PlanError for pieces where that is not known.
    """
    m, g = groups, group_ranks
    near = Uniform(g, size_bytes, inside, pieces)
    far = Uniform(m, size_bytes, between, pieces)
    if collective is Collective.ALL_TO_ALL:
        return direct_ps(near.uncut(), Fraction(1, g)) + direct_ps(far.uncut(), Fraction(1, m))
    if collective in (Collective.BROADCAST, Collective.REDUCE):
        return chain_ps(near.uncut()) + chain_ps(far.uncut())
    phases = 2 if collective is Collective.ALL_REDUCE else 1
    steps_between = phases * (m - 1) * pieces
    return ring_ps(near, phases) + steps_between * far.message_ps(Fraction(1, g * m))


def _part_ps(size_bytes: int, share: Fraction, hop: HopCost) -> int:
    """One message with a share of the bytes."""
    part = size_bytes * share
    return message_ps(part.numerator if part.denominator == 1 else part, *hop)
