"""Download the data sets: catalogue and terms, resumable transfers, checks, unpacking."""
