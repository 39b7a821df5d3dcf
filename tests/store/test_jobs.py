from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

from clothier.store.jobs import begin_upload

if TYPE_CHECKING:
    from clothier.store import Store


def test_one_key_at_the_same_time_is_one_job(store: Store) -> None:
    together = Barrier(4)

    def begin(_: int) -> tuple[int, bool]:
        together.wait()
        job, is_new = begin_upload(store, "anna", "key")
        return job.number, is_new

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(begin, range(4)))
    assert (len({number for number, _ in found}), sum(is_new for _, is_new in found)) == (1, 1)
