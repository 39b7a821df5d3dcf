"""Atomic writes: full disks, killed processes, missing permissions, and two processes at once."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clothier import atomic
from clothier.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any

DISK_BYTES = 256 * 1024  # bytes on the small disk
NOBODY = 65534


@dataclass(frozen=True)
class SmallDisk:
    """A folder where writing fails after ``DISK_BYTES`` bytes, and the kernel's message."""

    folder: Path
    reason: str

    def refuses(self, path: Path) -> str:
        return f"cannot write {path}: {self.reason}. "


@pytest.fixture(params=["small file system", "limit on files"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    """Both are real errors of the kernel. Without the right to mount, the second is used twice."""
    folder = tmp_path / "small"
    folder.mkdir()
    if request.param == "small file system" and _mount(folder):
        yield SmallDisk(folder, "No space left on device")
        subprocess.run(["umount", folder], check=True)
        return
    request.node.add_marker(pytest.mark.file_size(DISK_BYTES))
    yield SmallDisk(folder, "File too large")


def _mount(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "clothier-test", str(folder)]
    return (
        shutil.which("mount") is not None and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )


@pytest.fixture
def forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working folder without write permission; root drops its own permissions first."""
    tmp_path.chmod(0o555)
    monkeypatch.chdir(tmp_path)
    we = os.geteuid()
    if we == 0:
        os.seteuid(NOBODY)
    yield
    os.seteuid(we)
    tmp_path.chmod(0o755)


def tree(folder: Path) -> dict[str, str]:
    """Every file below ``folder``, hidden ones too, with its content."""
    return {str(file.relative_to(folder)): file.read_text() for file in sorted(folder.rglob("*")) if file.is_file()}


def replace_folder(path: Path, content: str) -> None:
    with atomic.replace_dir(path) as draft:
        (draft / "a").write_text(content)
        (draft / "below").mkdir()
        (draft / "below/b").write_text(content)


def replaced(content: str) -> dict[str, str]:
    return {"a": content, "below/b": content}


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "new/deep/file"
    atomic.write_bytes(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    atomic.write_text(path, "Größe\n")
    assert path.read_bytes() == "Größe\n".encode()
    assert [one.name for one in path.parent.iterdir()] == ["file"]


def test_a_reader_of_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "file", "old")
    with (tmp_path / "file").open() as reader:
        atomic.write_text(tmp_path / "file", "new")
        assert reader.read() == "old"


def test_json(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "a.json", {"class": "Größe", "top": [1.5]})
    assert (tmp_path / "a.json").read_text("utf-8") == '{\n  "class": "Größe",\n  "top": [\n    1.5\n  ]\n}\n'


def test_file_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    atomic.write_json(tmp_path / "a.json", name)
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == name
    atomic.append_text(tmp_path / "a.csv", f"{name}\n")
    assert (tmp_path / "a.csv").read_text("utf-8") == "caf\\udce9.jpg\n"


def test_json_has_no_nan(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "a.json", [1])
    with pytest.raises(ValueError, match="not JSON compliant"):
        atomic.write_json(tmp_path / "a.json", [float("nan")])
    assert tree(tmp_path) == {"a.json": "[\n  1\n]\n"}


def test_folder_replaces_all_of_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "new/bundle"
    replace_folder(path, "old")
    (path / "more").write_text("of the old")
    replace_folder(path, "new")
    assert tree(tmp_path / "new") == {f"bundle/{name}": text for name, text in replaced("new").items()}


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic.write_text(tmp_path / "file", "")
        replace_folder(tmp_path / "folder", "")
    finally:
        os.umask(before)
    modes = [oct((tmp_path / name).stat().st_mode & 0o777) for name in ("file", "folder", "folder/a")]
    assert modes == ["0o640", "0o750", "0o640"]


def write_and_stop(path: Path, stop: BaseException) -> None:
    with atomic.atomic_open(path) as file:
        file.write(b"new")
        raise stop


def replace_and_stop(path: Path, stop: BaseException) -> None:
    with atomic.replace_dir(path) as draft:
        (draft / "a").write_text("new")
        raise stop


@pytest.mark.parametrize("stop", [RuntimeError("of the block"), KeyboardInterrupt()])
def test_a_block_that_fails_changes_nothing(tmp_path: Path, stop: BaseException) -> None:
    atomic.write_text(tmp_path / "file", "old")
    replace_folder(tmp_path / "folder", "old")
    before = tree(tmp_path)
    with pytest.raises(type(stop)):
        write_and_stop(tmp_path / "file", stop)
    with pytest.raises(type(stop)):
        replace_and_stop(tmp_path / "folder", stop)
    assert tree(tmp_path) == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]


def test_full_disk_keeps_the_old_file(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "weights"
    atomic.write_text(path, "old")
    with pytest.raises(StorageError) as caught:
        atomic.write_bytes(path, bytes(DISK_BYTES + 1))
    assert str(caught.value).startswith(small_disk.refuses(path))
    assert tree(small_disk.folder) == {"weights": "old"}
    atomic.write_text(path, "now it fits")


def write_in_pieces(path: Path) -> None:
    with atomic.atomic_open(path) as file:
        for _ in range(DISK_BYTES // 1000 + 1):
            file.write(bytes(1000))


def test_full_disk_under_a_block_that_writes_in_pieces(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "table"
    with pytest.raises(StorageError) as caught:
        write_in_pieces(path)
    assert str(caught.value).startswith(small_disk.refuses(path))
    assert tree(small_disk.folder) == {}


def test_full_disk_keeps_the_old_folder(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "bundle"
    replace_folder(path, "old")
    with pytest.raises(StorageError) as caught:
        replace_folder(path, "n" * (DISK_BYTES + 1))
    assert str(caught.value).startswith(small_disk.refuses(path))
    assert tree(small_disk.folder) == {f"bundle/{name}": text for name, text in replaced("old").items()}


def test_full_disk_appends_no_half_line(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "results.csv"
    path.write_bytes(b"x" * (DISK_BYTES - 50))
    with pytest.raises(StorageError) as caught:
        atomic.append_text(path, "y" * 100)
    assert str(caught.value).startswith(f"cannot write {path}: ")
    assert path.read_bytes() == b"x" * (DISK_BYTES - 50)


def test_append(tmp_path: Path) -> None:
    atomic.append_text(tmp_path / "results.csv", "1,Größe\n")
    atomic.append_text(tmp_path / "results.csv", "2,b\n")
    assert (tmp_path / "results.csv").read_text("utf-8") == "1,Größe\n2,b\n"


@pytest.mark.usefixtures("forbidden")
def test_read_only_folder() -> None:
    for write in (lambda path: atomic.write_text(path, "new"), lambda path: replace_folder(path, "new")):
        with pytest.raises(StorageError) as caught:
            write(Path("one"))
        assert str(caught.value).startswith("cannot write one: Permission denied. ")
    with pytest.raises(StorageError, match=r"^cannot write two: Permission denied\. "):
        atomic.unique_dir(Path("two"))


def test_a_file_at_the_path_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("text")
    with pytest.raises(StorageError) as caught:
        replace_folder(tmp_path / "thesis", "new")
    assert str(caught.value).startswith(f"cannot write {tmp_path / 'thesis'}: Not a directory. ")
    assert tree(tmp_path) == {"thesis": "text"}


def test_a_folder_at_the_path_of_a_file(tmp_path: Path) -> None:
    replace_folder(tmp_path / "run", "old")
    with pytest.raises(StorageError, match="Is a directory"):
        atomic.write_text(tmp_path / "run", "new")
    assert tree(tmp_path) == {f"run/{name}": text for name, text in replaced("old").items()}


def test_a_file_at_the_path_of_the_parent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for write in (lambda path: atomic.write_text(path, ""), lambda path: replace_folder(path, ""), atomic.unique_dir):
        with pytest.raises(StorageError, match=r"cannot write .*file/below: (Not a directory|File exists)\. "):
            write(tmp_path / "file/below")


def test_a_link_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    replace_folder(tmp_path / "kept", "old")
    (tmp_path / "link").symlink_to("kept")
    replace_folder(tmp_path / "link", "new")
    assert not (tmp_path / "link").is_symlink()
    assert tree(tmp_path / "link") == replaced("new")
    assert tree(tmp_path / "kept") == replaced("old")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["kept", "link"]


@pytest.mark.parametrize("number", sorted(atomic.DISK_ERRNOS))
def test_disk_errnos_become_storage_errors(tmp_path: Path, number: int) -> None:
    for block in (atomic.atomic_open, atomic.replace_dir):
        with pytest.raises(StorageError, match=os.strerror(number)), block(tmp_path / "new"):
            raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ECONNRESET, errno.EIO])
def test_other_errors_of_the_block_are_not_converted(tmp_path: Path, number: int) -> None:
    original = OSError(number, os.strerror(number), "elsewhere")
    for block in (atomic.atomic_open, atomic.replace_dir):
        with pytest.raises(OSError, match="elsewhere") as caught, block(tmp_path / "new"):
            raise original
        assert caught.value is original
    assert list(tmp_path.iterdir()) == []


def test_unique_dir_takes_the_next_number(tmp_path: Path) -> None:
    created = [atomic.unique_dir(tmp_path / "runs/cnn") for _ in range(3)]
    (tmp_path / "runs/cnn-4").write_text("a file")
    (tmp_path / "runs/cnn-5").symlink_to("nowhere")
    created.append(atomic.unique_dir(tmp_path / "runs/cnn"))
    assert [one.name for one in created] == ["cnn", "cnn-2", "cnn-3", "cnn-6"]
    assert all(one.is_dir() for one in created)


@pytest.mark.parametrize("place", [".", "..", "runs/.."])
def test_a_path_without_a_name(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for write in (atomic.unique_dir, lambda path: atomic.write_text(path, ""), lambda path: replace_folder(path, "")):
        with pytest.raises(UsageError) as caught:
            write(Path(place))
        assert str(caught.value).startswith(f"'{place}' is not a name ")
        with pytest.raises(UsageError, match="'-' stands for standard output"):
            write(Path("-"))
    assert list(tmp_path.iterdir()) == []


CREATE_DIRS = """
import sys
from pathlib import Path
from clothier.atomic import unique_dir
print("ready", flush=True)
sys.stdin.readline()
for _ in range(100):
    print(unique_dir(Path(sys.argv[1])))
"""


def test_two_processes_get_two_folders(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CREATE_DIRS, str(tmp_path / "cnn")]
    pipe = subprocess.PIPE
    asking = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    for process in asking:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in asking:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    given = [line for process in asking for line in process.communicate(timeout=60)[0].splitlines()]
    assert len(given) == len(set(given)) == 200
    assert set(given) == {str(one) for one in tmp_path.iterdir()}


WRITE_FOREVER = """
import sys
from pathlib import Path
from clothier import atomic
with atomic.atomic_open(Path(sys.argv[1])) as file, atomic.replace_dir(Path(sys.argv[2])) as draft:
    (draft / "a").write_text("new")
    while True:
        file.write(bytes(1 << 16))
        print("more", flush=True)
"""


def test_kill_in_the_middle_of_a_write(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "file", "old")
    replace_folder(tmp_path / "folder", "old")
    command = [sys.executable, "-c", WRITE_FOREVER, str(tmp_path / "file"), str(tmp_path / "folder")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert [process.stdout.readline() for _ in range(3)] == ["more\n"] * 3
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / "file").read_text() == "old"
    assert tree(tmp_path / "folder") == replaced("old")
    litter = [one.name for one in tmp_path.iterdir() if one.name not in ("file", "folder")]
    assert sorted(name.split(".")[1] for name in litter) == ["file", "folder"]
    assert all(name.startswith(".") and name.endswith(".part") for name in litter)


KILL_AT_EACH_LINE = """
import json, os, shutil, signal, sys
from pathlib import Path
from clothier import atomic

root, what = Path(sys.argv[1]), sys.argv[2]


def write(content):
    if what == "file":
        atomic.write_text(root / "new", content)
    else:
        with atomic.replace_dir(root / "new") as draft:
            (draft / "a").write_text(content)
            (draft / "b").write_text(content)


def content(place):
    files = [place] if place.is_file() else [place / "a", place / "b"]
    texts = {file.read_text() for file in files if file.exists()} if all(file.exists() for file in files) else None
    return texts.pop() if texts and len(texts) == 1 else None


def killed_at(line):
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    seen = 0

    def trace(frame, event, arg):
        nonlocal seen
        if frame.f_code.co_filename != atomic.__file__:
            return None
        seen += 1
        if seen == line:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    write("new")
    os._exit(0)


found = []
for line in range(1, 1000):
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    write("old")
    killed = killed_at(line)
    aside = [content(place) for place in root.glob(".new.*.old")]
    found.append([content(root / "new"), aside])
    if not killed:
        break
print(json.dumps(found))
"""


def kill_at_every_line(folder: Path, what: str) -> list[tuple[str | None, list[str | None]]]:
    """The content at the path, and of ``.old`` folders beside it, after a kill at each line; the last is not killed."""
    command = [sys.executable, "-c", KILL_AT_EACH_LINE, str(folder / "tried"), what]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = [(there, aside) for there, aside in json.loads(done.stdout)]
    assert len(found) > 20, "it was killed at many lines"
    assert found[0] == ("old", [])
    assert found[-1] == ("new", [])
    return found


def test_a_kill_at_any_line_leaves_a_whole_file(tmp_path: Path) -> None:
    assert {there for there, _ in kill_at_every_line(tmp_path, "file")} == {"old", "new"}


def test_a_kill_at_any_line_leaves_a_whole_folder_or_the_old_one_beside(tmp_path: Path) -> None:
    found = kill_at_every_line(tmp_path, "folder")
    assert {there for there, _ in found} == {"old", "new", None}
    assert all(aside == ["old"] for there, aside in found if there is None)


def test_replace_restores_the_old_folder_on_failure(tmp_path: Path) -> None:
    replace_folder(tmp_path / "bundle", "old")
    with pytest.raises(FileNotFoundError):
        atomic._replace(tmp_path / "no-draft", tmp_path / "bundle")
    assert tree(tmp_path) == {f"bundle/{name}": text for name, text in replaced("old").items()}


@pytest.mark.parametrize("line", range(1, 11))
def test_replace_survives_an_interrupt_at_any_line(tmp_path: Path, line: int) -> None:
    replace_folder(tmp_path / "bundle", "old")
    replace_folder(tmp_path / "draft", "new")
    seen = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal seen
        if frame.f_code is not atomic._replace.__code__:
            return None
        seen += 1
        if seen == line:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        atomic._replace(tmp_path / "draft", tmp_path / "bundle")
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    kept = [tree(one) for one in tmp_path.iterdir()]
    assert replaced("old") in kept
    assert replaced("new") in kept


def test_leftovers_are_removed_and_an_old_folder_gets_its_name_back(tmp_path: Path) -> None:
    for name in (".bundle.01234567.old", ".bundle.89abcdef.part", ".kept", ".x.part", "report"):
        (tmp_path / name).mkdir()
    (tmp_path / ".bundle.01234567.old" / "card.json").write_text("{}")
    (tmp_path / "report" / ".page.html.00ff00ff.part").write_text("half")
    (tmp_path / "report" / "page.html").write_text("whole")
    atomic.remove_all_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".kept", ".x.part", "bundle", "report"]
    assert (tmp_path / "bundle" / "card.json").read_text() == "{}"
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["page.html"]
    (tmp_path / ".bundle.01234567.old").mkdir()
    atomic.remove_all_leftovers(tmp_path)
    assert (tmp_path / "bundle" / "card.json").exists()
    assert not (tmp_path / ".bundle.01234567.old").exists()


def test_replacing_a_folder_removes_what_a_killed_process_left_but_not_what_another_writes(tmp_path: Path) -> None:
    for name in (".shop.01234567.part", ".shop.89abcdef.old", ".shop.0a0a0a0a.part", ".other.01234567.part"):
        (tmp_path / name).mkdir()
    descriptor = os.open(tmp_path / ".shop.0a0a0a0a.part", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with atomic.replace_dir(tmp_path / "shop") as tmp, atomic.replace_dir(tmp_path / "shop") as other:
        (other / "a").touch()
        assert tmp != other
    os.close(descriptor)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.01234567.part", ".shop.0a0a0a0a.part", "shop"]


def test_devices_and_pipes_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    for write in (atomic.check_writable, lambda path: atomic.write_text(path, "x")):
        with pytest.raises(StorageError, match="device or a pipe"):
            write(pipe)
    assert pipe.is_fifo()
