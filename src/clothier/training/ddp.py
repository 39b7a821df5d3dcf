"""Several processes training one network: ``torchrun --nproc-per-node 2 -m clothier train ...``.

Each rank trains on its shard of every batch and PyTorch's DDP averages the gradients, so all ranks have the same
weights. Rank 0 is the main process: only it writes files and prints.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import torch
import torch.distributed as dist

# If DDP imported this once there is a group, its default arguments would keep that group alive, and its threads
# sometimes abort the process at exit (pytorch issue 190489).
import torch.distributed.nn.functional
from torch import nn

from clothier.errors import ClothierError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

LOST_PEER = ("gloo", "nccl", "connection", "socket")  # words in PyTorch's errors when a rank is gone


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """The processes of one training: the rank of this one, and their number."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def shard(self, batch: torch.Tensor) -> torch.Tensor:
        """This rank's part of a batch, whose length is a multiple of ``world_size``."""
        return batch[self.rank :: self.world_size]

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network with gradients averaged over the processes; the network itself if there is only one."""
        return network if self.world_size == 1 else nn.parallel.DistributedDataParallel(network)

    def all_reduce(self, values: torch.Tensor) -> torch.Tensor:
        """The sum of every rank's values, on every rank."""
        if self.world_size > 1:
            dist.all_reduce(values)
        return values

    def broadcast(self, value: T) -> T:
        """Rank 0's value, on every rank."""
        if self.world_size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def broadcast_buffers(self, network: nn.Module) -> None:
        """Gives every rank rank 0's buffers (running statistics), so that their outputs are equal."""
        if self.world_size > 1:
            for buffer in network.buffers():
                dist.broadcast(buffer, src=0)


def require_single_process(what: str, group: ProcessGroup | None = None) -> None:
    """Checks that torchrun did not start several processes for ``what``; ``group`` are the processes, if known.

    Raises:
        UsageError: it did; each of them would do the whole work.
    """
    if (_world_size() if group is None else group.world_size) > 1:
        raise UsageError(f"torchrun cannot {what}. Start it without torchrun.")


def _world_size() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def process_group() -> Iterator[ProcessGroup]:
    """The processes that torchrun started, within the block; a single process without torchrun."""
    size = _world_size()
    if size == 1:
        yield ProcessGroup()
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    try:
        yield ProcessGroup(dist.get_rank(), size)
    except RuntimeError as error:
        if any(word in str(error).lower() for word in LOST_PEER):
            raise ClothierError(
                "another process of this training ended, so this one cannot go on. Continue all of them with --resume."
            ) from error
        raise
    finally:
        dist.destroy_process_group()
