"""Jobs in processes: all are done, errors are raised, and no process is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch

from clothier.errors import UsageError
from clothier.training.distillation.processes import run_in_processes

pytestmark = pytest.mark.slow

TIMEOUT = 60  # within which a process must be gone


def write_pid(folder: Path) -> None:
    """Writes a file with the number of threads, named by the process and a random number."""
    (folder / f"{os.getpid()}-{os.urandom(4).hex()}").write_text(str(torch.get_num_threads()))


def process_of(file: Path) -> int:
    return int(file.name.split("-")[0])


def raise_clothier_error(sentence: str) -> None:
    raise UsageError(sentence)


def raise_other_error(what: str) -> None:
    raise KeyError(what)


def exit_with(code: int) -> None:
    os._exit(code)


def sleep_forever(folder: Path) -> None:
    write_pid(folder)
    while True:
        time.sleep(1)


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{process}/stat").exists() and ") Z " in Path(f"/proc/{process}/stat").read_text()


def wait_until(what: object) -> bool:
    """Whether ``what()`` becomes true in time."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        if what():  # type: ignore[operator]
            return True
        time.sleep(0.1)
    return False


def test_every_job_is_done_in_a_process_of_its_own(tmp_path: Path) -> None:
    looks: list[int] = []
    run_in_processes(write_pid, [tmp_path] * 3, processes=2, threads=1, on_poll=lambda: looks.append(1))
    files = [*tmp_path.iterdir()]
    assert len(files) == 3
    assert os.getpid() not in {process_of(file) for file in files}
    assert {file.read_text() for file in files} == {"1"}
    assert looks


def test_a_clothier_error_is_raised_unchanged() -> None:
    with pytest.raises(UsageError, match=r"^no such thing$"):
        run_in_processes(raise_clothier_error, ["no such thing"], processes=2, threads=1, on_poll=lambda: None)


def test_another_error_has_its_traceback() -> None:
    with pytest.raises(KeyError, match="over") as caught:
        run_in_processes(raise_other_error, ["over"], processes=1, threads=1, on_poll=lambda: None)
    assert "in raise_other_error" in str(caught.value.__cause__)


def test_a_killed_process_is_an_error() -> None:
    with pytest.raises(BrokenProcessPool):
        run_in_processes(exit_with, [7], processes=1, threads=1, on_poll=lambda: None)


def test_an_interrupt_ends_all_processes(tmp_path: Path) -> None:
    def interrupt_once_at_work() -> None:
        if len([*tmp_path.iterdir()]) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_in_processes(sleep_forever, [tmp_path] * 3, processes=2, threads=1, on_poll=interrupt_once_at_work)
    numbers = [process_of(file) for file in tmp_path.iterdir()]
    assert len(numbers) == 2  # the third was not started
    assert all(is_gone(number) for number in numbers)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "leader.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_processes import run_in_processes, sleep_forever\n"
        "if __name__ == '__main__':\n"
        "    run_in_processes(sleep_forever, [Path(sys.argv[1])], processes=1, threads=1, on_poll=lambda: None)\n"
    )
    notes = tmp_path / "notes"
    notes.mkdir()
    leader = subprocess.Popen([sys.executable, str(script), str(notes)])
    try:
        assert wait_until(lambda: [*notes.iterdir()])
        (number,) = (process_of(file) for file in notes.iterdir())
        assert not is_gone(number)
    finally:
        leader.send_signal(signal.SIGKILL)
        leader.wait()
    assert wait_until(lambda: is_gone(number))
