"""params.yaml as frozen, strict sections, and the names that it may use."""
