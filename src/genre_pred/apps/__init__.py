"""What people use: the command line, the web page, the HTTP server, recipes."""
