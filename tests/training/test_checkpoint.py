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
from clothier.runs import Run
from clothier.training import checkpoint
from clothier.training.networks import build_network
from clothier.training.trainer import TrainState, fit, init_state
from clothier.types import EpochRecord

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.data.dataset import LabeledImages
    from clothier.training.device import Device


BASE_RECIPE = Recipe(model="dnn", preset="fast", network=PcaMlp(components=8), epochs=1, batch_size=50, select="best")


def trained(
    recipe: Recipe, garments: LabeledImages, others: LabeledImages, device: Device
) -> tuple[TrainState, list[EpochRecord]]:
    """A training after its first epoch."""
    training = init_state(build_network(recipe.network, garments.images, 10, 0), recipe, device)
    return training, list(fit(training.network, garments, others, recipe, state=training, device=device))


@pytest.fixture
def path(tmp_path: Path, garments: LabeledImages, others: LabeledImages, cpu: Device) -> Path:
    """A checkpoint of ``BASE_RECIPE``."""
    checkpoint.save(tmp_path / "last.pt", *trained(BASE_RECIPE, garments, others, cpu))
    return tmp_path / "last.pt"


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


def test_a_started_run_without_its_checkpoint_is_refused(fresh: TrainState, tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert checkpoint.resume(run, fresh) == []
    record = EpochRecord(1, 2.0, 0.2, 2.1, 0.25, 1e-3, 0.1)
    run.append_result(record)
    run.checkpoint.unlink()
    with pytest.raises(ModelError, match=f"no checkpoint {run.checkpoint}"):
        checkpoint.resume(run, fresh)
    assert run.read_results() == [record]


def test_only_the_writing_process_changes_a_new_run(fresh: TrainState, tmp_path: Path) -> None:
    assert checkpoint.resume(Run(tmp_path), fresh, write=False) == []
    assert not [*tmp_path.iterdir()]


def test_a_restored_state_equals_the_saved_one(
    recipe: Recipe, garments: LabeledImages, others: LabeledImages, cpu: Device, tmp_path: Path
) -> None:
    recipe = replace(recipe, epochs=1, select="best")
    training, records = trained(recipe, garments, others, cpu)
    checkpoint.save(tmp_path / "last.pt", training, records)
    other = init_state(build_network(recipe.network, garments.images, 10, 7), recipe, cpu)
    assert checkpoint.restore(tmp_path / "last.pt", other) == records
    before, after = flattened(training.state_dict()), flattened(other.state_dict())
    assert before.keys() == after.keys()
    assert any("momentum_buffer" in name or "exp_avg" in name for name in before)
    for name, value in before.items():
        equal = torch.equal(value, after[name]) if isinstance(value, torch.Tensor) else value == after[name]
        assert equal, name


def test_a_missing_checkpoint_is_refused(fresh: TrainState, tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    with pytest.raises(ModelError, match=f"no checkpoint {path}"):
        checkpoint.restore(path, fresh)


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "replaced"])
def test_a_damaged_checkpoint_is_refused(damage: str, path: Path, fresh: TrainState) -> None:
    content = path.read_bytes()
    with ZipFile(path) as parts:
        largest = parts.read(max(parts.infolist(), key=lambda part: part.file_size))
    place = content.index(largest) + len(largest) // 2
    flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    middle = len(content) // 2
    path.write_bytes({"cut": content[:middle], "flipped": flipped, "emptied": b"", "replaced": b"epoch,loss\n"}[damage])
    with pytest.raises(ModelError, match=f"{path} is damaged"):
        checkpoint.restore(path, fresh)


@pytest.mark.parametrize(("content", "found"), [({"format": 2}, 2), ({"training": {}}, None), ([1, 2], None)])
def test_another_format_is_refused(content: object, found: int | None, path: Path, fresh: TrainState) -> None:
    torch.save(content, path)
    with pytest.raises(ModelError, match=f"{path} has format {found}; this Clothier reads 1"):
        checkpoint.restore(path, fresh)


def test_the_checkpoint_of_another_network_is_refused(path: Path, cpu: Device) -> None:
    other = init_state(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)), BASE_RECIPE, cpu)
    with pytest.raises(ModelError, match=f"{path} is of another network"):
        checkpoint.restore(path, other)


def test_nothing_in_a_checkpoint_is_executed(fresh: TrainState, tmp_path: Path) -> None:
    path, mark = tmp_path / "last.pt", tmp_path / "executed"

    class Malicious:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(mark),)

    torch.save({"format": 1, "training": Malicious(), "records": []}, path)
    with pytest.raises(ModelError, match="is damaged"):
        checkpoint.restore(path, fresh)
    path.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(ModelError, match="is damaged"):
        checkpoint.restore(path, fresh)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Malicious()))  # noqa: S301 - our own
    assert mark.exists()  # it would have been


def test_a_full_disk_keeps_the_earlier_checkpoint(path: Path, fresh: TrainState) -> None:
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 10, hard))
    try:
        with pytest.raises(StorageError, match=f"^cannot write {path}: File too large"):
            checkpoint.save(path, fresh, [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["last.pt"]
    assert [record.epoch for record in checkpoint.restore(path, fresh)] == [1]
