"""params.yaml as frozen, strict sections, and the names allowed in it."""
