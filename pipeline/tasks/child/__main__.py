"""The process itself, which `pipe.py` starts: `python -m pipeline.tasks.child`."""

import gc


def begin() -> None:
    """Import without the garbage collector, which takes a quarter of the time; `serve` turns it on."""
    gc.disable()
    from .process import main

    main()


if __name__ == "__main__":
    begin()
