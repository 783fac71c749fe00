"""What the page takes: enough for songs, too little to fill a machine."""

MOST_MEGABYTES = 100  # of a file, a zip too, and of each file within a zip
MOST_UNPACKED_MEGABYTES = 1000  # of all files within a zip
MOST_UPLOADED_MEGABYTES = 5000  # of all uploads that are kept
MOST_SECONDS = 20 * 60
MOST_SONGS = 500  # at once
MOST_WAITING = 20  # requests; a further one is told to come back
KEPT_SECONDS = 600  # of an upload that its sender has not taken away, checked every minute
