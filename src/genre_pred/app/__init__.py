"""The page: drop a song, see its genre and why; every other word about it is the classifier's."""
