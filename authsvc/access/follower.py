"""Keep tokens and sites in memory, and read them again when they change."""

import threading

from authsvc.catalog.port import AccessCatalog, AccessList


class AccessFollower:
    """The access list as of the last `refresh`. Safe to use from any thread."""

    def __init__(self, catalog: AccessCatalog) -> None:
        self._catalog = catalog
        self._refreshing = threading.Lock()
        self.current: AccessList = catalog.read()

    def refresh(self) -> bool:
        """Read the list again if its revision has changed; return whether it has.

        Blocking: one small query, or all rows after a change.
        """
        # One at a time: otherwise a slow reader could replace a newer list with an older one.
        with self._refreshing:
            if self._catalog.revision() == self.current.revision:
                return False
            self.current = self._catalog.read()
            return True
