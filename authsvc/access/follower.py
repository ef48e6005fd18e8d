"""Keep tokens and sites in memory, in step with the catalog."""

import threading

from authsvc.catalog.port import AccessCatalog, AccessList


class AccessFollower:
    """The access list as of the last `refresh`. Safe to use from any thread."""

    def __init__(self, catalog: AccessCatalog) -> None:
        self._catalog = catalog
        self._refreshing = threading.Lock()
        self.current: AccessList = catalog.read()

    def refresh(self) -> bool:
        """Read the list again if its revision has changed. Returns whether it had.

        Blocks for one small query, or for all rows after a change.
        """
        # One at a time, or a slow reader could put an older list over a newer one.
        with self._refreshing:
            if self._catalog.revision() == self.current.revision:
                return False
            self.current = self._catalog.read()
            return True
