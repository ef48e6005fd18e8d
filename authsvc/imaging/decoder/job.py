"""Jobs for a worker and their results, and how both cross a pipe: as lines of JSON."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from authsvc.model import ImageType

READY: Final = b"ready\n"
"""What a worker prints before its first job."""


@dataclass(frozen=True, slots=True)
class Check:
    """Decode all of a picture and keep nothing. A frame of it has at most `pixels`; None: any number."""

    source: Path
    kind: ImageType
    pixels: int | None = None


@dataclass(frozen=True, slots=True)
class SizeJob:
    """Write a smaller or re-encoded copy of a picture to a file.

    `kind` is the source's type; `format` is WEBP, AVIF or the source's own.
    `target` is a new file, complete when the job is done, or else not there.
    `width` is in pixels; a picture that is narrower keeps its own.
    """

    source: Path
    kind: ImageType
    target: Path
    width: int
    format: ImageType


Job = Check | SizeJob


class Failure(StrEnum):
    """Why a job was not done."""

    UNDECODABLE = "undecodable"
    TOO_MUCH_MEMORY = "too_much_memory"
    UNSUITABLE = "unsuitable"
    """The copy would lose the animation: libvips cannot read or write it in this format."""
    NO_SOURCE = "no_source"
    NO_TARGET = "no_target"
    """The folder of the target no longer exists."""
    DISK_FULL = "disk_full"
    UNEXPECTED = "unexpected"
    """A bug in this program; the reason is a traceback."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a job; `failure` None: it is done."""

    failure: Failure | None = None
    reason: str = ""

    def to_line(self) -> bytes:
        """Return it as one line."""
        return _line({"failure": self.failure, "reason": self.reason})


def job_to_line(job: Job) -> bytes:
    """Return a job as one line."""
    if isinstance(job, Check):
        return _line({"source": str(job.source), "kind": job.kind, "pixels": job.pixels})
    return _line(
        {
            "source": str(job.source),
            "kind": job.kind,
            "target": str(job.target),
            "width": job.width,
            "format": job.format,
        }
    )


def job_from_line(line: bytes) -> Job:
    """Return the job of `job_to_line`."""
    fields = json.loads(line)
    source, kind = Path(fields["source"]), ImageType(fields["kind"])
    if "target" not in fields:
        return Check(source, kind, fields["pixels"])
    return SizeJob(source, kind, Path(fields["target"]), fields["width"], ImageType(fields["format"]))


def result_from_line(line: bytes) -> Result:
    """Return the result of `Result.to_line`."""
    fields = json.loads(line)
    return Result(fields["failure"] and Failure(fields["failure"]), fields["reason"])


def _line(fields: dict[str, object]) -> bytes:
    return json.dumps(fields).encode() + b"\n"
