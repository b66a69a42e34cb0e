"""The command line as a user meets it: output, exit codes, errors of one message, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dataflow.cli import main

TINY = "tiny-2x-gtx580"
FILES = {
    *("report.md", "report.json", "trace.json", "timeline.png", "memory.png"),
    *("communication.png", "communication.csv"),
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command runs in a folder of its own, for runs write to ``results`` there."""
    monkeypatch.chdir(tmp_path)


def called(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of ``dataflow ARGUMENTS``."""
    monkeypatch.setattr(sys, "argv", ["dataflow", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A Python process of its own, from the repository."""
    root = Path(__file__).parents[1]
    env = {**os.environ, "PYTHONPATH": str(root), **environment}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=env, check=False)


def test_help_imports_nothing_slow() -> None:
    """``--help`` answers at once because nothing that computes or draws is imported."""
    slow = ("numpy", "networkx", "simpy", "pydantic", "pint", "matplotlib", "sklearn", "rich", "yaml")
    code = (
        "import sys, dataflow.cli\n"
        "try: dataflow.cli.dataflow(['--help'])\n"
        "except SystemExit: pass\n"
        f"print('slow:', [name for name in {slow} if name in sys.modules])"
    )
    done = python("-c", code)
    assert "Usage: " in done.stdout
    assert done.stdout.endswith("slow: []\n"), done.stdout


def test_run_reports_and_verifies(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``run`` prints a summary with a passed verification and writes its files to results/NAME."""
    assert called(monkeypatch, "run", TINY, "--images", "noise") == 0
    printed = capsys.readouterr().out
    assert "passed against one processor" in printed
    assert "of the step" in printed or "critical path" in printed
    assert {path.name for path in Path("results", TINY).iterdir()} == FILES


def test_json_is_the_report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``--json`` prints what report.json holds, and nothing else, to standard output."""
    assert (
        called(monkeypatch, "run", TINY, "--images", "noise", "--json", "--out", "out", "--steps", "2") == 0
    )
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(Path("out", "report.json").read_text())
    assert printed["steps"] == 2
    assert printed["verification"]["passed"] is True


def test_a_failed_verification_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Towers on two GPUs round differently in float32, which shows when no rounding is allowed for."""
    monkeypatch.setattr("dataflow.verification.references.ROUNDINGS", 0)
    assert called(monkeypatch, "verify", TINY, "--images", "noise", "--tolerance", "1e-30") == 1
    assert "FAILED" in capsys.readouterr().out


def test_verify_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``verify --json`` says for each tensor how far it is off."""
    assert (
        called(monkeypatch, "verify", TINY, "--images", "noise", "--json", "--set", "training.dtype=float64")
        == 0
    )
    printed = json.loads(capsys.readouterr().out)
    assert printed["passed"] is True
    assert printed["tolerance"] == 1e-10
    assert all(tensor["max_relative_error"] <= 1e-10 for tensor in printed["tensors"])
    assert not Path("results").exists()


def test_simulate_writes_only_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``simulate`` times; files are written with --out alone."""
    assert called(monkeypatch, "simulate", TINY, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["backend"] == "null"
    assert printed["verification"] is None
    assert not Path("results").exists()
    assert called(monkeypatch, "simulate", TINY, "--out", "timed") == 0
    assert {path.name for path in Path("timed").iterdir()} == FILES


def test_show_network_has_the_published_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exact figures of AlexNet and, in Caffe's counting, of CaffeNet with 22 classes at batch 256."""
    assert called(monkeypatch, "show", "alexnet", "--json") == 0
    alexnet = json.loads(capsys.readouterr().out)
    assert alexnet["parameters"] == 60_965_224
    assert alexnet["macs_per_image"] == 724_406_816
    assert alexnet["forward_flop_per_image"] == 1_448_813_632
    assert called(monkeypatch, "show", "alexnet-one-gpu", "--json") == 0
    one_gpu = json.loads(capsys.readouterr().out)
    assert (one_gpu["parameters"], one_gpu["macs_per_image"]) == (59_798_312, 391_514_384)
    assert called(monkeypatch, "show", "caffenet", "--json", "--batch", "256", "--set", "classes=22") == 0
    assert json.loads(capsys.readouterr().out)["activation_bytes"]["caffe"] == 1_073_760_256


@pytest.mark.parametrize("name", ["alexnet", "gtx580x2", "alexnet-2x-gtx580"])
def test_show_prints_tables_and_draws(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Networks, machines and experiments are shown as tables and as a picture."""
    assert called(monkeypatch, "show", name, "--draw", "picture.svg") == 0
    assert len(capsys.readouterr().out.splitlines()) > 10
    assert Path("picture.svg").read_text().lstrip().startswith("<?xml")


def test_compare_sets_side_by_side(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An experiment and a written report are compared with ratios."""
    assert called(monkeypatch, "simulate", TINY, "--out", "a") == 0
    capsys.readouterr()
    assert called(monkeypatch, "compare", "a", TINY) == 0
    assert "1.00" in capsys.readouterr().out
    assert called(monkeypatch, "compare", "a/report.json", TINY, "--json") == 0
    json.loads(capsys.readouterr().out)


def test_compare_sets_three_side_by_side(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second and the third are each told as a ratio to the first; a third that is none is an error."""
    for name, batch in (("a", "8"), ("b", "16")):
        assert called(monkeypatch, "simulate", TINY, "--batch", batch, "--out", name) == 0
    capsys.readouterr()
    assert called(monkeypatch, "compare", "a", "b", TINY) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()[:3]] == ["A", "B", "C"]
    assert "B / A  C / A" in printed
    assert called(monkeypatch, "compare", "a", "b", TINY, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [document[letter]["batch"] for letter in "abc"] == [8, 16, 8]
    step = document["run"]["step_time_s"]
    assert step["ratio"] == step["b"] / step["a"] > 1
    assert (step["c"], step["ratio_c"]) == (step["a"], 1.0)
    assert called(monkeypatch, "compare", "a", "b", "nothing.json") == 2
    assert "nothing.json" in capsys.readouterr().err


def test_values_of_a_small_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``run --values`` prints every tensor beside its float32; of large tensors it says why not."""
    assert called(monkeypatch, "run", "two-layer-agilio", "--values", "--out", "o") == 0
    rows = capsys.readouterr().out.partition("\nValues\n")[2].splitlines()
    (hidden,) = [row for row in rows if row.startswith("relu@0 ")]
    numbers = [float(word) for word in hidden.partition("q18.14")[2].split()]
    assert len(numbers) == 6
    assert numbers[:3] == pytest.approx(numbers[3:], abs=2**-14)
    assert min(numbers) == 0
    assert any(row.startswith("out.weight.grad@0[1]") for row in rows)
    assert called(monkeypatch, "run", TINY, "--images", "noise", "--values") == 0
    assert "no values: values are shown of networks whose tensors have few" in capsys.readouterr().out


def test_list_names_what_ships(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Experiments, networks, machines and backends."""
    assert called(monkeypatch, "list", "--json") == 0
    listed = {(entry["kind"], entry["name"]) for entry in json.loads(capsys.readouterr().out)}
    assert {
        ("experiment", "alexnet-2x-gtx580"),
        ("network", "caffenet"),
        ("hardware", "gtx580"),
        ("backend", "numpy"),
    } <= listed
    assert called(monkeypatch, "list") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "alexnet-3x"), "no experiment is called 'alexnet-3x'"),
        (("simulate", TINY, "--set", "training.batch"), "is not of the form path=value"),
        (("simulate", TINY, "--batch", "0"), "0 is not in the range x>=1"),
        (("simulate", TINY, "--set", "hardware.links.pcie.bandwidth=6"), "6 has no unit; write '6 GB/s'"),
        (("simulate", TINY, "--set", "hardware.links.pcie.bandwidth=-1 GB/s"), "must be more than 0"),
        (("run", TINY, "--backend", "abacus"), "'abacus'"),
        (("run", TINY, "--images", "nowhere"), "--images nowhere: is not a folder"),
        (("run", TINY, "--out", "/proc/none"), "report folder '/proc/none'"),
        (("show", "alexnet", "--draw", "picture.gif"), "pictures are .svg or .png"),
        (("compare", "nothing.json", TINY), "nothing.json"),
        (("run", TINY, "--reference", "oracle"), "'oracle' is not one of"),
        (("verify", TINY, "--tolerance", "nan"), "'nan' is not a finite number above 0"),
        (("run", TINY, "--out", ""), "--out: the folder's name is empty"),
        (("run", TINY, "--images", ""), "images: the name of the folder is empty"),
        (("run", TINY, "--set", "name=../elsewhere"), "'../elsewhere' cannot name a folder of reports"),
        (
            ("run", TINY, "--no-verify", "--reference", "torch"),
            "--no-verify and --reference exclude each other",
        ),
        (
            ("run", TINY, "--set", "network.classes=1"),
            "are of 2 classes, but network 'tiny-two-tower' tells 1",
        ),
        (("show", "gtx580x2", "--batch", "64"), "--batch is for networks and experiments"),
        (("simulate", TINY, "--set", "backend=abacus"), "'abacus'"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    arguments: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who, which value, which rule; no traceback, nothing written."""
    assert called(monkeypatch, *arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not list(Path().iterdir())


def test_the_null_backend_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--backend null`` is the backend of that name, not YAML's nothing."""
    assert called(monkeypatch, "run", TINY, "--backend", "null", "--json") == 0
    assert json.loads(capsys.readouterr().out)["backend"] == "null"


def test_a_reader_that_has_had_enough(tmp_path: Path) -> None:
    """``dataflow show | head`` ends quietly with exit code 0."""
    shell = f"{sys.executable} -m dataflow show gtx580x2; echo $? > {tmp_path}/code"
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        f"({shell}) | true",
        shell=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
        check=False,
    )
    assert done.stderr == ""
    assert (tmp_path / "code").read_text() == "0\n"


def test_ctrl_c_leaves_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An interrupted run says so, exits as shells expect, and leaves no files."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dataflow.session.run_experiment", interrupted)
    assert called(monkeypatch, "run", TINY) == 130
    assert "interrupted; no file is left half-written" in capsys.readouterr().err
    assert not list(Path().iterdir())


def test_reports_are_the_same_under_any_hash_seed(tmp_path: Path) -> None:
    """Two runs give the same trace and report byte for byte, whatever Python hashes with."""
    for seed in ("1", "2"):
        out = str(tmp_path / seed)
        done = python("-m", "dataflow", "simulate", TINY, "--steps", "3", "--out", out, PYTHONHASHSEED=seed)
        assert done.returncode == 0, done.stderr
    for name in ("trace.json", "report.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_the_example_prints_what_is_beside_it() -> None:
    """``examples/three_splits.py`` prints ``three_splits.out``."""
    example = Path(__file__).parents[1] / "examples" / "three_splits.py"
    done = python(str(example))
    assert done.stdout == example.with_suffix(".out").read_text(), done.stderr
