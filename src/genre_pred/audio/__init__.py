"""Sound into numbers: decoding, windows, front ends, descriptors and the patch store."""
