"""In this process: each thread decodes a few photos and runs the model on them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from clothier.catalogue.engines.reading import read_photos
from clothier.system import available_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from clothier.catalogue.engines.reading import Reading
    from clothier.data.photo_sources import Item
    from clothier.inference import Model

GROUP = 4  # photos that a thread takes together: as many as the photo model runs on in one pass


class LocalEngine:
    """One thread for each core. A photo stays with its thread: handing it to another one costs time."""

    def __init__(self, model: Model, is_known: Callable[[str], bool], *, with_previews: bool = False) -> None:
        """Starts nothing yet.

        Args:
            model: loaded for one thread; each of the engine's threads runs it by itself.
            is_known: whether what is wanted of a content with this digest is there; called by the threads.
            with_previews: also makes previews of the photos.
        """
        self._model, self._is_known, self._with_previews = model, is_known, with_previews

    def readings(self, chunks: Iterable[Sequence[Item]]) -> Iterator[list[Reading]]:
        """As :class:`Engine` says; one chunk is taken ahead."""
        with ThreadPoolExecutor(available_cores(), thread_name_prefix="read") as pool:
            try:
                waiting: list[Future[list[Reading]]] | None = None
                for chunk in chunks:
                    groups = [pool.submit(self._read, chunk[at : at + GROUP]) for at in range(0, len(chunk), GROUP)]
                    if waiting is not None:
                        yield _results(waiting)
                    waiting = groups
                if waiting is not None:
                    yield _results(waiting)
            except BaseException:
                pool.shutdown(cancel_futures=True)  # otherwise Ctrl-C waits for the photos of two chunks
                raise

    def _read(self, group: Sequence[Item]) -> list[Reading]:
        return read_photos(self._model, group, self._is_known, with_previews=self._with_previews)


def _results(groups: Sequence[Future[list[Reading]]]) -> list[Reading]:
    return [reading for group in groups for reading in group.result()]
