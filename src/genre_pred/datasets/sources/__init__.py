"""Sources of audio collections: each one lays out its files and reads their labels."""
