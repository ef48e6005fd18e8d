"""Look at everything that an installation needs, and say what is wrong and how to mend it."""

from authsvc.doctor.examination import examine
from authsvc.doctor.finding import Finding, State

__all__ = ["Finding", "State", "examine"]
