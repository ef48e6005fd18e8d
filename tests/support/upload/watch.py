"""What uploads leave on the disk and in memory."""

from contextlib import suppress
from pathlib import Path

from tests.support.stack import Stack, wait_until


def spooled(stack: Stack) -> list[Path]:
    """The files of uploads that the service has under way."""
    return list((stack.data_dir / "tmp").iterdir())


def buffered(stack: Stack) -> list[int]:
    """The sizes of the files in which nginx gathers bodies.

    They have no name any more: nginx removes it as soon as it has the file.
    """
    folder = str(stack.data_dir / "nginx" / "tmp" / "body")
    sizes = []
    for worker in _workers(stack):
        for descriptor in Path(f"/proc/{worker}/fd").iterdir():
            with suppress(FileNotFoundError):
                if str(descriptor.readlink()).startswith(folder):
                    sizes.append(descriptor.stat().st_size)
    return sizes


def _workers(stack: Stack) -> list[int]:
    """nginx's workers."""
    master = stack.pid("nginx")
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return [int(child) for child in children if Path(f"/proc/{child}/fd").exists()]


def wait_until_clean(stack: Stack) -> None:
    wait_until(lambda: not spooled(stack) and not buffered(stack), "nothing of an upload is left")


def blobs(stack: Stack) -> set[str]:
    """All stored pictures, as address paths."""
    root = stack.data_dir / "blobs"
    return {f"/{path.relative_to(root)}" for path in root.glob("??/*")}


def memory(pid: int, field: str = "VmRSS") -> int:
    """Return a process's memory in bytes; VmHWM is the highest since `forget_peak`."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    message = f"process {pid} has no {field}"
    raise AssertionError(message)


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc_pid_clear_refs(5)


def nginx_memory(stack: Stack) -> int:
    """Return the memory of the largest of nginx's workers."""
    return max(memory(worker) for worker in _workers(stack))


def metric(stack: Stack, name: str) -> float:
    """Return a number of the service's metrics, 0 when it was never counted."""
    for line in stack.ask_service("/metrics").text.splitlines():
        label, _, number = line.rpartition(" ")
        if label == name:
            return float(number)
    return 0.0
