"""Side by side: what this program costs beside its peers, in one run on one machine. See docs/benchmarks.md.

`python -m bench` measures, `report` writes the page, `million` makes the largest document. Nothing of
`pipeline` imports this package.
"""
