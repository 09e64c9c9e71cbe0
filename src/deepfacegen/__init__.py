"""Deep Face Gen: draw a face from a voice, and measure honestly how much the voice told."""

__version__ = "0.1.0"
