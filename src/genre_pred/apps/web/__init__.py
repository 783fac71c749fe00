"""The web page: upload a song, see its predicted genre and the evidence."""
