from __future__ import annotations

import os
import pickle
import resource
from dataclasses import replace
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest
import torch

from clothier.errors import ModelError, StorageError
from clothier.recipes import PcaMlp, Recipe
from clothier.training import checkpoint
from clothier.training.networks import build_network
from clothier.training.trainer import TrainState, fit, init_state
from clothier.types import EpochRecord

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.data.dataset import LabeledImages
    from clothier.runs import Run
    from clothier.training.device import Device


BASE_RECIPE = Recipe(model="dnn", preset="fast", network=PcaMlp(components=8), epochs=1, batch_size=50, select="best")


def trained(
    recipe: Recipe, garments: LabeledImages, others: LabeledImages, device: Device
) -> tuple[TrainState, list[EpochRecord]]:
    """A training after its first epoch."""
    training = init_state(build_network(recipe.network, garments.images, 10, 0), recipe, device)
    return training, list(fit(training.network, garments, others, recipe, state=training, device=device))


@pytest.fixture
def path(run: Run, garments: LabeledImages, others: LabeledImages, cpu: Device) -> Path:
    """The checkpoint of a run of ``BASE_RECIPE``."""
    checkpoint.save(run, *trained(BASE_RECIPE, garments, others, cpu))
    return run.checkpoint


@pytest.fixture
def fresh(garments: LabeledImages, cpu: Device) -> TrainState:
    """A training by ``BASE_RECIPE`` with other weights, at its first step."""
    return init_state(build_network(BASE_RECIPE.network, garments.images, 10, 7), BASE_RECIPE, cpu)


def flattened(state: object, name: str = "") -> dict[str, object]:
    """Nested dicts and lists as one, by dotted names."""
    if isinstance(state, dict):
        return {key: value for name_, one in state.items() for key, value in flattened(one, f"{name}.{name_}").items()}
    if isinstance(state, (list, tuple)):
        return {
            key: value for place, one in enumerate(state) for key, value in flattened(one, f"{name}.{place}").items()
        }
    return {name: state}


def test_a_started_run_without_its_checkpoint_is_refused(fresh: TrainState, run: Run) -> None:
    assert checkpoint.resume(run, fresh) == []
    record = EpochRecord(1, 2.0, 0.2, 2.1, 0.25, 1e-3, 0.1)
    run.append_result(record)
    run.checkpoint.unlink()
    with pytest.raises(ModelError, match=f"no checkpoint {run.checkpoint}"):
        checkpoint.resume(run, fresh)
    assert run.read_results() == [record]


def test_only_the_writing_process_changes_a_new_run(fresh: TrainState, run: Run) -> None:
    before = sorted(run.path.iterdir())
    assert checkpoint.resume(run, fresh, write=False) == []
    assert sorted(run.path.iterdir()) == before


def test_a_restored_state_equals_the_saved_one(
    recipe: Recipe, garments: LabeledImages, others: LabeledImages, cpu: Device, run: Run
) -> None:
    recipe = replace(recipe, epochs=1, select="best")
    training, records = trained(recipe, garments, others, cpu)
    checkpoint.save(run, training, records)
    other = init_state(build_network(recipe.network, garments.images, 10, 7), recipe, cpu)
    assert checkpoint.restore(run, other) == records
    before, after = flattened(training.state_dict()), flattened(other.state_dict())
    assert before.keys() == after.keys()
    assert any("momentum_buffer" in name or "exp_avg" in name for name in before)
    for name, value in before.items():
        equal = torch.equal(value, after[name]) if isinstance(value, torch.Tensor) else value == after[name]
        assert equal, name


def test_a_missing_checkpoint_is_refused(fresh: TrainState, run: Run) -> None:
    with pytest.raises(ModelError, match=f"no checkpoint {run.checkpoint}"):
        checkpoint.restore(run, fresh)


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "replaced"])
def test_a_damaged_checkpoint_is_refused(damage: str, path: Path, fresh: TrainState, run: Run) -> None:
    content = path.read_bytes()
    with ZipFile(path) as parts:
        largest = parts.read(max(parts.infolist(), key=lambda part: part.file_size))
    place = content.index(largest) + len(largest) // 2
    flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    middle = len(content) // 2
    path.write_bytes({"cut": content[:middle], "flipped": flipped, "emptied": b"", "replaced": b"epoch,loss\n"}[damage])
    with pytest.raises(ModelError, match=f"{path} is damaged"):
        checkpoint.restore(run, fresh)


@pytest.mark.parametrize(("content", "found"), [({"format": 2}, 2), ({"training": {}}, None), ([1, 2], None)])
def test_another_format_is_refused(content: object, found: int | None, path: Path, fresh: TrainState, run: Run) -> None:
    torch.save(content, path)
    with pytest.raises(ModelError, match=f"{path} has format {found}; this Clothier reads 1"):
        checkpoint.restore(run, fresh)


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"recipe": {"epochs": 2}}, {"data_digest": "another"}, {"columns": {"file": "image"}}]
)
def test_the_checkpoint_of_another_run_is_refused(
    change: dict[str, object], path: Path, fresh: TrainState, run: Run
) -> None:
    run.create({**run.config, "data": "moved"})
    assert checkpoint.restore(run, fresh)
    run.create({**run.config, **change})
    with pytest.raises(ModelError, match=f"{path} is of another training: its recipe, its seed or its data"):
        checkpoint.restore(run, fresh)


def test_a_run_that_was_moved_away_is_not_made_again(path: Path, fresh: TrainState, run: Run) -> None:
    run.path.rename(run.path.with_name("moved"))
    with pytest.raises(StorageError, match=f"{run.path} was deleted or moved while the run was in progress"):
        checkpoint.save(run, fresh, [])
    assert not run.path.exists()


def test_the_checkpoint_of_another_network_is_refused(path: Path, cpu: Device, run: Run) -> None:
    other = init_state(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)), BASE_RECIPE, cpu)
    with pytest.raises(ModelError, match=f"{path} is of another network"):
        checkpoint.restore(run, other)


def test_nothing_in_a_checkpoint_is_executed(fresh: TrainState, path: Path, run: Run, tmp_path: Path) -> None:
    mark = tmp_path / "executed"

    class Malicious:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(mark),)

    torch.save({"format": 1, "training": Malicious(), "records": []}, path)
    with pytest.raises(ModelError, match="is damaged"):
        checkpoint.restore(run, fresh)
    path.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(ModelError, match="is damaged"):
        checkpoint.restore(run, fresh)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Malicious()))  # noqa: S301 - our own
    assert mark.exists()  # it would have been


def test_a_full_disk_keeps_the_earlier_checkpoint(path: Path, fresh: TrainState, run: Run) -> None:
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 10, hard))
    try:
        with pytest.raises(StorageError, match=f"^cannot write {path}: File too large"):
            checkpoint.save(run, fresh, [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["last.pt"]
    assert [record.epoch for record in checkpoint.restore(run, fresh)] == [1]
