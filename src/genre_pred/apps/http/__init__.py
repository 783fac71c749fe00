"""The champion over HTTP, within limits."""
