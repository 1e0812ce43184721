"""The process itself, which `pipe.py` starts: `python -m pipeline.tasks.child`."""

from .process import main

if __name__ == "__main__":
    main()
