"""The user interfaces: command line, web page, HTTP server, recipes."""
