"""Two real processes with gloo; torchrun itself is tested end to end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch

from clothier.training.ddp import ProcessGroup, process_group

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

RANK_SCRIPT = """
import gc
import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path

gc.disable()  # what is a cycle stays until somebody sees to it
warnings.simplefilter("error")
import torch

from tests.synthetic import draw_garments
from clothier.training.device import Device
from clothier.training.ddp import process_group
from clothier.training.trainer import fit, init_state
from clothier.training.networks import build_network
from clothier.recipes import WhitenedCnn, preset

torch.set_num_threads(1)
torch.manual_seed(int(sys.argv[1]))  # the ranks have different random numbers
train, validation = draw_garments(120, seed=1), draw_garments(60, seed=2)
recipe = replace(
    preset("cnn", "fast"),
    network=WhitenedCnn(patch=3, widths=(16, 16), depths=(2, 2)),
    epochs=2,
    batch_size=41,
    select="best",
)
device = Device("cpu", 1, "float32", "")
results = {}
with process_group() as group:
    results["broadcast"] = group.broadcast(f"from {group.rank}")
    results["sum"] = group.all_reduce(torch.tensor([1.0, group.rank])).tolist()
    for name, limit, epochs in (("free", None, 2), ("learned", None, 25), ("limited", 0.4, 100_000)):
        chosen = replace(recipe, epochs=epochs)
        state = init_state(build_network(recipe.network, train.images, 10, group.rank), chosen, device)
        state = replace(state, seconds=0.01 * group.rank)
        arguments = {"state": state, "device": device, "group": group, "time_limit": limit}
        records = list(fit(state.network, train, validation, chosen, **arguments))
        results[name] = [replace(record, seconds=0).to_json() for record in records]
        results[f"{name} seconds"] = state.seconds
        results[f"{name} weights"] = state.network.state_dict()
results["threads"] = [Path(f"/proc/self/task/{one}/comm").read_text() for one in os.listdir("/proc/self/task")]
torch.save(results, sys.argv[2])
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The results of rank 0 and rank 1 of one training."""
    folder = tmp_path_factory.mktemp("team")
    (folder / "member.py").write_text(RANK_SCRIPT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),  # the script imports the tests' drawn images
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, folder / "member.py", str(rank), folder / f"{rank}.pt"],
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    complaints = [process.communicate(timeout=120)[1] for process in processes]
    assert complaints == ["", ""]
    assert [process.returncode for process in processes] == [0, 0]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_both_ranks_have_the_same_weights_and_records(pair: list[dict[str, Any]]) -> None:
    for name in ("free", "limited"):
        assert pair[0][name] == pair[1][name]
        assert pair[0][f"{name} seconds"] == pair[1][f"{name} seconds"]
        for key, value in pair[0][f"{name} weights"].items():
            assert torch.equal(value, pair[1][f"{name} weights"][key]), key
    assert len(pair[0]["free"]) == 2


def test_two_ranks_learn(pair: list[dict[str, Any]]) -> None:
    assert pair[0]["learned"][-1]["validation_accuracy"] > 0.8


def test_a_time_limit_stops_both_ranks(pair: list[dict[str, Any]]) -> None:
    assert 1 <= len(pair[0]["limited"]) < 100_000
    assert 0.4 <= pair[0]["limited seconds"] < 10


@pytest.mark.skipif(sys.platform != "linux", reason="threads have names to look up on Linux alone")
def test_no_thread_of_the_process_group_is_left(pair: list[dict[str, Any]]) -> None:
    assert not [thread for results in pair for thread in results["threads"] if "gloo" in thread]


def test_broadcast_and_all_reduce(pair: list[dict[str, Any]]) -> None:
    assert [results["broadcast"] for results in pair] == ["from 0", "from 0"]
    assert [results["sum"] for results in pair] == [[2.0, 1.0], [2.0, 1.0]]


def test_without_torchrun_the_world_size_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with process_group() as members:
        assert members == ProcessGroup(rank=0, world_size=1)
        assert members.is_main
    monkeypatch.setenv("WORLD_SIZE", "1")  # torchrun --nproc-per-node 1
    with process_group() as members:
        assert members == ProcessGroup()
    assert not torch.distributed.is_initialized()


def test_a_single_process_communicates_with_none() -> None:
    alone, network = ProcessGroup(), torch.nn.Linear(2, 2)
    assert alone.wrap(network) is network
    assert alone.broadcast("mine") == "mine"
    assert alone.all_reduce(torch.ones(2)).tolist() == [1, 1]
    alone.broadcast_buffers(network)


def test_shards_are_disjoint_and_complete() -> None:
    batch = torch.arange(12)
    shares = [ProcessGroup(rank, 3).shard(batch) for rank in range(3)]
    assert [len(share) for share in shares] == [4, 4, 4]
    assert torch.equal(torch.cat(shares).sort().values, batch)
    assert [ProcessGroup(rank, 3).is_main for rank in range(3)] == [True, False, False]


LOST_PEER_SCRIPT = """
import os, signal, sys, time
import torch
from clothier.errors import ClothierError
from clothier.training.ddp import process_group

try:
    with process_group() as group:
        group.all_reduce(torch.ones(1))
        if group.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(1)
        group.all_reduce(torch.ones(1))
except ClothierError as error:
    print(error)
"""


def test_a_killed_rank_ends_the_others_with_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    script = tmp_path / "rank.py"
    script.write_text(LOST_PEER_SCRIPT)
    settings = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    ranks = [
        subprocess.Popen(
            [sys.executable, str(script)],
            env={**settings, "RANK": str(rank), "LOCAL_RANK": str(rank), "CUDA_VISIBLE_DEVICES": ""},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    said = [rank.communicate(timeout=120)[0] for rank in ranks]
    assert said[0].startswith("another process of this training ended")
    assert "--resume" in said[0]
