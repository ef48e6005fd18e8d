"""The ports of the catalog, and their contract.

Methods block, unless they return a future. Call them on a thread, from any
number of threads and processes. What a method has changed when it returns, or
when its future is done, survives a power cut. Every method raises Busy when
the database stays locked, and DiskFull when it has no room.
"""

from authsvc.catalog.port.access import AccessCatalog, AccessList, Revision
from authsvc.catalog.port.images import ImageCatalog

__all__ = ["AccessCatalog", "AccessList", "ImageCatalog", "Revision"]
