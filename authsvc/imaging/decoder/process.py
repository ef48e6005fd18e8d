"""A process that inspects, decodes and resizes pictures, one after the other.

`python -m authsvc.imaging.decoder.process PARENT OPTIONS` starts it; its input is a socket of messages.

It gets open files, never a name: the picture, and an empty memory file for the result. It ends
with its socket, and never outlives the process PARENT. It ignores the signals that a terminal
or systemd sends to all processes, because PARENT ends it when there is nothing left to do.
"""

import errno
import mmap
import os
import resource
import select
import signal
import socket
import sys
import traceback
from typing import Final

from authsvc.errors import AnswerError, Unsupported
from authsvc.imaging.decoder import vips
from authsvc.imaging.decoder.answer import Accepted, Bug, Made, refusal_to_message
from authsvc.imaging.decoder.confinement import MAX_DESCRIPTORS, confine, prepare
from authsvc.imaging.decoder.job import MAX_MESSAGE_BYTES, size_job_from
from authsvc.imaging.decoder.options import WorkerOptions
from authsvc.imaging.formats import HEAD_BYTES, sniff
from authsvc.imaging.inspection import inspect
from authsvc.imaging.limits import Limits
from authsvc.imaging.pieces import contents
from authsvc.system.linux import lower_priority, return_free_memory, signal_when_parent_dies

NICENESS: Final = 10
"""Serving pictures and receiving uploads come first."""
IDLE_SECONDS: Final = 1.0
"""After this time without a job, freed memory is returned to the system. Earlier, the next job would need it again."""


def main(arguments: list[str]) -> int:
    """Serve the process `arguments[0]` until the socket is closed."""
    options = WorkerOptions.from_argument(arguments[1])
    _end_with(int(arguments[0]))
    # Close everything that the service lets its children inherit.
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    prepare()
    resource.setrlimit(resource.RLIMIT_AS, (options.memory_bytes, options.memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (options.result_bytes, options.result_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_DESCRIPTORS, MAX_DESCRIPTORS))
    vips.set_up()
    vips.warm_up()
    # Not before: beside busy workers an upload would wait 2 s instead of 0.6 s for the start of this one.
    lower_priority(NICENESS)
    with socket.socket(fileno=sys.stdin.fileno()) as service:
        # Nothing after this line opens a file or a socket, or starts a program.
        service.send(confine().to_message())
        _serve(service, options)
    return 0


def _end_with(parent: int) -> None:
    """Have the kernel end this process with its parent, also when that is killed."""
    signal_when_parent_dies(signal.SIGKILL)
    if os.getppid() != parent:
        # It had already died before the request above.
        sys.exit(1)


def _serve(service: socket.socket, options: WorkerOptions) -> None:
    while True:
        message, files, _, _ = socket.recv_fds(service, MAX_MESSAGE_BYTES, 2)
        if not message:
            return
        try:
            answer = _answer(message, files[0], files[1], options)
        finally:
            for file in files:
                os.close(file)
        service.send(answer)
        if not select.select([service], [], [], IDLE_SECONDS)[0]:
            return_free_memory()


def _answer(message: bytes, picture: int, result: int, options: WorkerOptions) -> bytes:
    try:
        job = size_job_from(message)
        data = _mapped(picture)
        if job is None:
            return _inspect(data, result, options.limits, strips=options.strips).to_message()
        return Made(_write(result, vips.make_size(data, job))).to_message()
    except AnswerError as error:
        return refusal_to_message(error)
    except Exception:  # noqa: BLE001 — the service logs every error
        return Bug(traceback.format_exc()).to_message()


def _mapped(picture: int) -> mmap.mmap:
    try:
        return mmap.mmap(picture, 0, prot=mmap.PROT_READ)
    except ValueError as error:  # it is empty
        raise Unsupported from error


def _inspect(data: mmap.mmap, result: int, limits: Limits, *, strips: bool) -> Accepted:
    """Walk through an uploaded picture, write it without what has to be removed, and decode what is kept of it."""
    kind = sniff(data[:HEAD_BYTES])
    if kind is None:
        raise Unsupported
    found = inspect(data, kind, limits, strips=strips)
    clean = None if found.pieces == [range(len(data))] else b"".join(contents(data, found.pieces))
    if clean is not None:
        _write(result, clean)
    vips.decode(data if clean is None else clean, kind, max_pixels=found.width * found.height)
    return Accepted(kind, found.width, found.height, None if clean is None else len(clean))


def _write(result: int, content: bytes) -> int:
    left = memoryview(content)
    while left:
        try:
            left = left[os.write(result, left) :]
        except OSError as error:
            if error.errno == errno.EFBIG:  # longer than a result may be
                raise Unsupported from error
            raise
    return len(content)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
