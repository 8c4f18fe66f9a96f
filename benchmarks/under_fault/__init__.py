"""Faults, what each has to hold under them, and caches of several libraries that are put to them.

`tests/faults` asserts the same rows in their short form; `benchmarks/faults.py` writes the page.
"""
