"""The limits of the page.

The number of connections is not limited; a proxy in front of the page can do that.
"""

MOST_MEGABYTES = 100  # of an uploaded file, and of each file in a zip
MOST_UNPACKED_MEGABYTES = 1000  # of all files in a zip
MOST_UPLOADED_MEGABYTES = 5000  # of all stored uploads
MOST_MESSAGE_MEGABYTES = 1  # of any other request body, which is kept in memory
MOST_SECONDS = 20 * 60
MOST_SONGS = 500  # per prediction of many songs
MOST_WAITING = 20  # queued requests; further ones are refused
KEPT_SECONDS = 600  # of an upload after its last use, checked every minute
