"""The HTTP server of the champion, with limits on requests."""
