"""Check everything that an installation needs; report what is wrong and how to fix it."""

from authsvc.doctor.finding import Finding, State
from authsvc.doctor.run import run

__all__ = ["Finding", "State", "run"]
