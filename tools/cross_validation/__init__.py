"""The parts of `tools/folds.py`."""
