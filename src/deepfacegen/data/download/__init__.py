"""Fetching the data sets: what there is and under which terms, over connections that fail, into folders that
can be used half full."""
