"""Audio to numbers: decoding, log-mel patches, descriptors."""
