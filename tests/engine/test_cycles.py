"""The cycle cost model: instructions, accesses and threads, by hand."""

from __future__ import annotations

from dataclasses import replace

from dataflow.bank import Access
from dataflow.cost import Cost, Work
from dataflow.cycles import Instructions, MemoryCost, Routine
from dataflow.ops import (
    KERNEL_OPS,
    Convolution,
    Evaluated,
    FiniteDifference,
    FullyConnected,
    LocalResponseNormalization,
    MaxPooling,
    MomentumSgd,
    Relu,
    Reshape,
    SoftmaxCrossEntropy,
)
from dataflow.ops.axis import equal_blocks
from tests.engine.cores import CLS, COSTS, EMEM, LOCAL, core, direction, work

NEURON = FullyConnected(batch=1, features=(64,), channels=1, bias=False)
RELU = Relu((1, 32))


def test_a_multiplication_costs_what_its_operands_are_wide() -> None:
    """Three instructions for 8 bits, 4 for up to 16, 7 for up to 32, four times 7 for up to 64."""
    costs = COSTS
    assert [costs.multiplication(bits) for bits in (4, 8, 9, 16, 32, 33, 64)] == [3, 3, 4, 4, 7, 28, 28]


def test_a_division_is_a_loop_over_bits() -> None:
    """16 turns of shift 1, compare 1, half a subtraction, a branch of 2.5, and 5 to go round: 160."""
    costs = COSTS
    assert costs.cycles(Instructions(divide=1), 16, 0) == 160
    assert costs.cycles(Instructions(divide=1), 32, 0) == 320


def test_what_misses_the_cache_takes_the_longest_latency() -> None:
    """Two bursts of 64 B, of one thread, at 250 cycles wherever in the range from 150 a hit is."""
    weights = work(NEURON, "forward", {"weight": EMEM})
    missing = replace(
        weights,
        accesses=tuple(replace(each, misses=each.operand == "weight") for each in weights.accesses),
    )
    for position, more in ((0.0, 200), (0.5, 100), (1.0, 0)):
        hit, missed = core(1).breakdown(weights, position), core(1).breakdown(missing, position)
        assert missed.cycles == hit.cycles + more
        assert missed.operations == hit.operations == {"dram": 2.0}


def test_bandwidth_of_a_core_follows_from_what_accesses_cost() -> None:
    """At 1 GHz: a word of 4 B a cycle; 64 B every 3 + 16, 3 + 25 or, one thread waiting, 150 cycles."""
    rates = {kind: core().bandwidth_bytes_per_s(kind) for kind in ("local", "cls", "ctm", "emem")}
    assert rates == {"local": 4e9, "cls": 64e9 / 19, "ctm": 64e9 / 19, "emem": 64e9 / 28}
    assert core(1).bandwidth_bytes_per_s("emem") == 64e9 / 150


def test_instructions_of_wide_operands_take_a_turn_for_each_word() -> None:
    """Two words: 2 x (3 additions + 2 x 2 cycles of loads) + a branch of 4."""
    counts = Instructions(add=3, load=2, branch_taken=1)
    assert COSTS.cycles(counts, 64, 2.0) == 2 * (3 + 4) + 4


def test_a_neuron_in_local_memory() -> None:
    """A turn takes 16 cycles: 2 loads x 2, multiply 4, shift 1, add 2, and 5 to go round.

    The output takes 17: load 2, move 1, rounding (add 1, shift 2, two bounds of 2) 7, store 1, address 1,
    and 5 to go round; the task 8 + 4 + 2 x 4 = 20.
    """
    found = core().breakdown(work(NEURON, "forward", {}))
    assert found.issue_cycles == 64 * 16 + 17 + 20
    assert (found.occupied_cycles, found.threads, dict(found.operations)) == (0, 1, {})
    assert core().cost(work(NEURON, "forward", {})) == Cost(1_061_000, "compute", 0, {})


def test_weights_in_dram_wait_for_their_bursts() -> None:
    """128 B are two bursts, each touched once, so not copied: of one thread each waits 200 cycles."""
    cost = core().cost(work(NEURON, "forward", {"weight": EMEM}))
    assert cost == Cost((1061 + 2 * 200) * 1000, "memory", 400_000, {"dram": 2.0})


def test_latency_lies_in_its_published_range() -> None:
    """Loads from local memory take 1 to 3 cycles, 129 of them; DRAM 150 to 250."""
    weights = work(NEURON, "forward", {"weight": EMEM})
    shortest, longest = core().cost(weights, 0.0), core().cost(weights, 1.0)
    assert shortest.time_ps == (1061 - 129 + 2 * 150) * 1000
    assert longest.time_ps == (1061 + 129 + 2 * 250) * 1000


def test_threads_hide_latency_but_not_spacing() -> None:
    """Input and output of 64 B are one burst each; 8 threads make the 32 outputs.

    An output takes 13 cycles: load 2, half a move, compare 1, branch 2.5, store 1, address 1, and 5 to
    go round; all of them 32 x 13 + 20 = 436.
    """
    found = core().breakdown(work(RELU, "forward", {"input": EMEM, "output": EMEM}))
    assert (found.issue_cycles, found.occupied_cycles, found.waited_cycles) == (436, 56, 400)
    assert found.threads == 8
    assert found.cycles == 436 + 56
    alone = core(threads=1).breakdown(work(RELU, "forward", {"input": EMEM, "output": EMEM}))
    assert alone.cycles == 436 + 400


def test_an_operand_that_loops_touch_again_is_copied_if_it_fits() -> None:
    """64 inputs for 4 neurons are touched four times: once read, 2 bursts, and 32 words moved."""
    layer = FullyConnected(batch=1, features=(64,), channels=4, bias=False)
    asked = work(layer, "forward", {"input": CLS})
    copied = core().breakdown(asked)
    again = core(staging_bytes=100).breakdown(asked)
    assert (copied.instructions.move, again.instructions.move) == (32 + 4 + 8, 4 + 8)
    assert (copied.occupied_cycles, again.occupied_cycles) == (2 * 19, 4 * 2 * 19)


def test_of_a_batch_one_image_needs_to_fit() -> None:
    """16 images of 128 B are copied one by one into 128 B, and not into 127."""
    layer = FullyConnected(batch=16, features=(64,), channels=4, bias=False)
    asked = work(layer, "forward", {"input": CLS})
    assert core(staging_bytes=128).breakdown(asked).occupied_cycles == 32 * 19
    assert core(staging_bytes=127).breakdown(asked).occupied_cycles == 4 * 32 * 19


def test_what_is_touched_most_often_is_copied_first() -> None:
    """A batch of 16 touches weights 16 times and inputs 4 times: where 512 B of weights fit, 64 B do not."""
    layer = FullyConnected(batch=16, features=(64,), channels=4, bias=False)
    asked = work(layer, "forward", {"input": CLS, "weight": CLS})
    found = core(staging_bytes=600).breakdown(asked)
    assert found.occupied_cycles == 8 * 19 + 4 * 32 * 19


def test_only_the_last_store_is_waited_for() -> None:
    """256 B are four bursts: three take a cycle, the last 28 and then 200 of its thread."""
    found = core(threads=1).breakdown(work(Relu((1, 128)), "forward", {"output": EMEM}))
    assert (found.occupied_cycles, found.waited_cycles) == (3 + 28, 3 + 200)
    assert found.operations == {"dram": 4.0}


def test_a_latency_shorter_than_the_spacing_is_the_spacing() -> None:
    """An access cannot be over before the next may begin."""
    assert MemoryCost(latency=(10, 10), blocking=True, spacing=16, issue=3).waited(0.5) == 19


def test_shards_are_added_element_by_element() -> None:
    """Two shards of 4 elements of two words.

    8 turns of load 2 x 2, add 2, and 2 + 4 to go round = 12; 4 outputs of rounding 2 x 5 + 2 = 12, store and
    address 4, and 6 to go round = 22; the task 2 x 12 + 8.
    """
    accesses = tuple(Access(f"a{i}", LOCAL, 4, 32, i == 2) for i in range(3))
    added = Work("accumulate", "forward", 0, 96, accesses=accesses)
    assert core().cost(added).time_ps == (8 * 12 + 4 * 22 + 32) * 1000


def test_views_take_no_time() -> None:
    """They need no kernel."""
    assert core().cost(work(Reshape(1, (4, 4, 4), (64,)), "forward", {})) == Cost(1, "launch")


def test_an_update_without_momentum_needs_one_product() -> None:
    """Two products less, and two words less to round and store: 25 and not 50 cycles an element."""
    plain = MomentumSgd(("channel",), (10,), 0.1, 0.0, 0.0)
    assert core().breakdown(work(plain, "update", {})).issue_cycles == 10 * 25 + 20
    heavy = MomentumSgd(("channel",), (10,), 0.1, 0.9, 0.0)
    assert core().breakdown(work(heavy, "update", {})).issue_cycles == 10 * 50 + 20


def test_finite_differences_execute_the_layers_for_each_weight() -> None:
    """Of 4 weights: a neuron of 64 inputs (1061 cycles) and a loss each, then the gradients.

    A gradient: 2 loads x 2, 2 additions, 1 shift, rounding 7, store and address 2, and 5 to go round = 21.
    """
    loss = SoftmaxCrossEntropy(1, 10, 1)
    layers = (Evaluated("fc", NEURON, ()), Evaluated("loss", loss, ()))
    op = FiniteDifference("fc", (NEURON.operand("weight"),), ((0, 1), (0, 4)), (), layers, 0.5, 1.0)
    once = 1061 + core().breakdown(work(loss, "forward", {})).issue_cycles
    assert core().breakdown(work(op, "weight_gradient", {})).issue_cycles == 4 * once + 4 * 21 + 20
    parts = [core().code(each, direction(each, "forward")) for each in (NEURON, loss)]
    own = core().code(op, direction(op, "weight_gradient")) - sum(parts)
    # 2 + 2 + 1 + 7 + 2 instructions of an output, 14 of the task, two loops of 2, one operand of 4.
    assert own == 14 + 14 + 4 + 4


def test_routines_can_be_overridden() -> None:
    """One that does nothing but multiply: 64 x (4 + round again 5), an output of 5, no task."""
    own = {("fully_connected", "forward"): Routine(inner=Instructions(multiply=1))}
    assert replace(core(), routines=own).cost(work(NEURON, "forward", {})).time_ps == (64 * 9 + 5) * 1000


def test_labels_do_not_make_multiplications_wider() -> None:
    """A label has 4 bytes, of which nothing is multiplied: the loss takes as long as with 2."""
    loss = SoftmaxCrossEntropy(1, 10, 1)
    asked = work(loss, "forward", {})
    wide = tuple(replace(a, bytes=4) if a.operand == "label" else a for a in asked.accesses)
    assert core().breakdown(replace(asked, accesses=wide)).bits == 16


def test_code_holds_each_part_once() -> None:
    """Turn 2 + 4 + 1 + 2, output 1 + 1 + 3 + 4 + 2, task 8 + 4 + 2, three loops of 2, three operands of 4."""
    assert core().code(NEURON, direction(NEURON, "forward")) == 9 + 11 + 14 + 6 + 12


def test_without_loops_code_is_written_out() -> None:
    """64 turns, one output; what is read of an image, 64 elements of 2 bytes, is on the stack."""
    forward = direction(NEURON, "forward")
    straight = core(loops=False)
    assert straight.code(NEURON, forward) == 64 * 9 + 11 + 14 + 12
    assert straight.stack(NEURON, forward) == core().stack(NEURON, forward) + 128
    # Four saved words, three loops, three operands.
    assert core().stack(NEURON, forward) == 4 * (4 + 3 + 3)


def test_without_loops_a_program_handles_one_image() -> None:
    """Of a batch of 16 it is run 16 times; gradients of weights have as many outputs as for one image."""
    straight = core(loops=False)
    many = FullyConnected(batch=16, features=(64,), channels=2, bias=True)
    one = replace(many, batch=1)
    for each in many.passes:
        assert straight.code(many, each) == straight.code(one, direction(one, each.name))
        assert straight.stack(many, each) == straight.stack(one, direction(one, each.name))


def test_softmax_keeps_a_row_on_its_stack() -> None:
    """A word for each of 10 classes beside 4 + 2 loops + 4 operands."""
    loss = SoftmaxCrossEntropy(1, 10, 1)
    assert core().stack(loss, direction(loss, "forward")) == 4 * (4 + 2 + 4 + 10)


def test_a_view_has_no_code() -> None:
    """Nor does it use the stack."""
    view = Reshape(1, (4,), (4,))
    assert (
        core().code(view, direction(view, "forward")) == core().stack(view, direction(view, "forward")) == 0
    )


def test_floats_are_refused_with_the_integer_alternative() -> None:
    """Ops in integer formats are not, unless they need floating point."""
    forward = direction(NEURON, "forward")
    assert core().unsupported(NEURON, forward, "q8.8") is None
    told = core().unsupported(NEURON, forward, "float32")
    assert told == (
        "fully_connected (forward) computes in float32, and there is no floating point; use an integer "
        "format, such as training.dtype: q8.8 with backend: fixed"
    )
    loss = SoftmaxCrossEntropy(1, 10, 1)
    told = core().unsupported(loss, direction(loss, "forward"), "float32")
    assert told is not None
    assert "or the loss mean_squared_error" in told
    norm = LocalResponseNormalization(1, 4, 4, 2, 2, 5, 1e-4, 0.75, 2.0, equal_blocks(4, 4, 1))
    told = core().unsupported(norm, direction(norm, "forward"), "q8.8")
    assert told is not None
    assert "no integer routine for local_response_normalization (forward): it needs powers of" in told
    assert replace(core(), floats=True).unsupported(NEURON, forward, "float32") is None
    assert core().unsupported(None, None, "float64") is not None


def test_nothing_is_faster_than_the_peak() -> None:
    """Of every pass of convolutions, two operations a product over the time."""
    op = Convolution(1, 1, 8, 8, 2, 1, (5, 5), (1, 1), ((0, 0), (0, 0)), equal_blocks(1, 2, 1))
    for each in op.passes:
        seconds = core().cost(work(op, each.name, {}, itemsize=1)).time_ps / 1e12
        assert op.flop_of(each) / seconds < core().peak_flops


def test_windows_that_overlap_touch_an_image_again() -> None:
    """3 x 3 windows every pixel: nearly nine times, so the image is copied once."""
    pool = MaxPooling(1, 1, 8, 8, (3, 3), (1, 1), ((0, 0), (0, 0)))
    found = core().breakdown(work(pool, "forward", {"input": CLS}))
    assert found.turns.inner == 36 * 9
    assert found.occupied_cycles == 2 * 19


def test_every_op_has_a_time() -> None:
    """Also those without a routine of their own are costed by their loops."""
    kinds = {op.kind for op in KERNEL_OPS}
    for kind in sorted(kinds):
        assert core().cost(Work(kind, "forward", 2000, 100)).time_ps > 1
