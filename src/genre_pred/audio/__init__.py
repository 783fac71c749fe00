"""Sound into numbers: decoding, log-mel patches, descriptors."""
