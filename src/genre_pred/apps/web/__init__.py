"""The web page: drop a song, see its genre and why."""
