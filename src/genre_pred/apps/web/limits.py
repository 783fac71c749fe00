"""What the page takes of one request, and keeps of all: enough for songs.

How many connections there are is not bounded: a proxy before the page can do that.
"""

MOST_MEGABYTES = 100  # of a file, a zip too, and of each file within a zip
MOST_UNPACKED_MEGABYTES = 1000  # of all files within a zip
MOST_UPLOADED_MEGABYTES = 5000  # of all uploads that are kept
MOST_MESSAGE_MEGABYTES = 1  # of any other body, which is held in memory
MOST_SECONDS = 20 * 60
MOST_SONGS = 500  # at once
MOST_WAITING = 20  # requests; a further one is told to come back
KEPT_SECONDS = 600  # of an upload since it came or was last heard, checked every minute
