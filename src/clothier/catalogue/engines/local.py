"""In this process: threads decode a chunk of photos while the model runs on the chunk before it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from clothier.catalogue.engines.reading import decode_file, run_model
from clothier.system import available_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from clothier.catalogue.engines.reading import DecodedFile, Reading
    from clothier.catalogue.sources import Item
    from clothier.inference import Model


class LocalEngine:
    """One thread for each core."""

    def __init__(self, model: Model, is_known: Callable[[str], bool]) -> None:
        """Starts nothing yet.

        Args:
            model: runs on all cores.
            is_known: whether the output for a content with this digest is there; called by the threads.
        """
        self._model, self._is_known = model, is_known

    def readings(self, chunks: Iterable[Sequence[Item]]) -> Iterator[list[Reading]]:
        """As :class:`Engine` says; one chunk is taken ahead."""
        with ThreadPoolExecutor(available_cores(), thread_name_prefix="decode") as pool:
            try:
                waiting: list[Future[DecodedFile]] | None = None
                for chunk in chunks:
                    files = [pool.submit(decode_file, self._model, one.file, one.read, self._is_known) for one in chunk]
                    if waiting is not None:
                        yield _results(waiting)
                    waiting = files
                if waiting is not None:
                    yield _results(waiting)
            except BaseException:
                pool.shutdown(cancel_futures=True)  # otherwise Ctrl-C waits for the photos of two chunks
                raise


def _results(files: Sequence[Future[DecodedFile]]) -> list[Reading]:
    return run_model([one.result() for one in files])
