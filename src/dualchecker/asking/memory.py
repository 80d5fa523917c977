"""Python's collector of cyclic garbage, told to look less often while thousands of requests come and go."""

import contextlib
import gc
import threading
from collections.abc import Iterator

_YOUNG = 50_000
"""Objects made between two looks at the young ones, where Python's own setting is some hundreds: each look costs the
more, the more requests are under way, and finds nothing, as requests leave no cycles behind."""

_lock = threading.Lock()
_inside = 0
_before: tuple[int, int, int] = gc.get_threshold()


@contextlib.contextmanager
def few_collections() -> Iterator[None]:
    """Collect rarely inside; several threads, or several blocks within each other, may ask for it at once."""
    global _inside, _before
    with _lock:
        if not _inside:
            _before = gc.get_threshold()
            if _before[0]:  # 0: whoever wrote the program wants none at all
                gc.set_threshold(max(_YOUNG, _before[0]), *_before[1:])
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                gc.set_threshold(*_before)
